//! A picture and a sound, made in code so that no file has to be shipped.
//! Owns the two encoders, PNG and WAV, as far as these need them. Never reads anything.

use std::f64::consts::TAU;
use std::sync::OnceLock;

const WIDTH: u16 = 96;
const HEIGHT: u16 = 64;
const SAMPLE_RATE: u32 = 8000;

/// Sky, sun, hills, water, wood, shadow.
const PALETTE: [[u8; 3]; 6] = [
    [0xd6, 0xec, 0xfa],
    [0xff, 0xd4, 0x5e],
    [0x7c, 0xb3, 0x7c],
    [0x4a, 0x90, 0xc2],
    [0x8a, 0x5a, 0x33],
    [0x5c, 0x3a, 0x1e],
];

/// A footbridge over a river, as PNG.
pub(super) fn picture() -> &'static [u8] {
    static PICTURE: OnceLock<Vec<u8>> = OnceLock::new();
    PICTURE.get_or_init(|| {
        let mut scanlines = Vec::with_capacity(usize::from(HEIGHT) * (usize::from(WIDTH) + 1));
        for y in 0..HEIGHT {
            // Every line begins with its filter: none.
            scanlines.push(0);
            scanlines.extend((0..WIDTH).map(|x| colour(f64::from(x), f64::from(y))));
        }
        png(&scanlines)
    })
}

/// The index in the palette of one point.
fn colour(x: f64, y: f64) -> u8 {
    // The deck is an arc from bank to bank, 0 at its crown in the middle.
    let from_middle = (x - 48.0) / 48.0;
    let deck = 30.0 + 12.0 * from_middle * from_middle;
    let hill = 40.0 - 6.0 * (x / 15.0).sin();
    let post = (x.rem_euclid(12.0) - 6.0).abs() < 1.0;
    if (deck..deck + 3.0).contains(&y) || (deck - 9.0..deck - 7.5).contains(&y) {
        4
    } else if post && y >= deck - 9.0 && y < 56.0 {
        5
    } else if y >= 48.0 + (x / 4.0 + y).sin() {
        3
    } else if y >= hill {
        2
    } else if (x - 78.0).hypot(y - 12.0) < 7.0 {
        1
    } else {
        0
    }
}

fn png(scanlines: &[u8]) -> Vec<u8> {
    let mut header = Vec::new();
    header.extend(u32::from(WIDTH).to_be_bytes());
    header.extend(u32::from(HEIGHT).to_be_bytes());
    // Eight bits for each point, which index a palette; nothing else out of the ordinary.
    header.extend([8, 3, 0, 0, 0]);
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(&mut png, b"IHDR", &header);
    chunk(&mut png, b"PLTE", PALETTE.as_flattened());
    chunk(&mut png, b"IDAT", &zlib_stored(scanlines));
    chunk(&mut png, b"IEND", &[]);
    png
}

fn chunk(png: &mut Vec<u8>, kind: &[u8; 4], content: &[u8]) {
    let length = u32::try_from(content.len()).unwrap_or(u32::MAX);
    png.extend(length.to_be_bytes());
    let start = png.len();
    png.extend(kind);
    png.extend(content);
    let checksum = crc32(&png[start..]);
    png.extend(checksum.to_be_bytes());
}

/// A zlib stream that stores its content as it is: a few kilobytes are not worth a compressor.
fn zlib_stored(content: &[u8]) -> Vec<u8> {
    let mut stream = vec![0x78, 0x01];
    let mut blocks = content.chunks(usize::from(u16::MAX)).peekable();
    while let Some(block) = blocks.next() {
        let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
        stream.push(u8::from(blocks.peek().is_none()));
        stream.extend(length.to_le_bytes());
        stream.extend((!length).to_le_bytes());
        stream.extend(block);
    }
    stream.extend(adler32(content).to_be_bytes());
    stream
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}

fn adler32(bytes: &[u8]) -> u32 {
    let (mut low, mut high) = (1_u32, 0_u32);
    for byte in bytes {
        low = (low + u32::from(*byte)) % 65521;
        high = (high + low) % 65521;
    }
    (high << 16) | low
}

/// A short tone that fades out, as WAV: 8 kHz, mono, 8 bits.
pub(super) fn sound() -> Vec<u8> {
    let n_samples = SAMPLE_RATE / 2;
    let mut wav = b"RIFF".to_vec();
    wav.extend((36 + n_samples).to_le_bytes());
    wav.extend(b"WAVEfmt ");
    wav.extend(16_u32.to_le_bytes());
    // PCM, one channel.
    wav.extend([1, 0, 1, 0]);
    wav.extend(SAMPLE_RATE.to_le_bytes());
    // Bytes a second, then bytes and bits of a sample.
    wav.extend(SAMPLE_RATE.to_le_bytes());
    wav.extend([1, 0, 8, 0]);
    wav.extend(b"data");
    wav.extend(n_samples.to_le_bytes());
    wav.extend((0..n_samples).map(|n| {
        let time = f64::from(n) / f64::from(SAMPLE_RATE);
        let fade = 1.0 - f64::from(n) / f64::from(n_samples);
        // Saturates; the middle of an unsigned sample is 128.
        (128.0 + 100.0 * fade * (TAU * 440.0 * time).sin()) as u8
    }));
    wav
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_agree_with_published_values() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(adler32(b"Wikipedia"), 0x11e6_0398);
    }

    #[test]
    fn a_stream_longer_than_one_block_ends_with_the_last_one() {
        let content = vec![7; 70_000];
        let stream = zlib_stored(&content);
        assert_eq!(stream.len(), 2 + 5 + 65_535 + 5 + 4_465 + 4);
        assert_eq!(stream[2], 0);
        assert_eq!(stream[2 + 5 + 65_535], 1);
    }

    #[test]
    fn the_sound_is_as_long_as_it_says() {
        let wav = sound();
        let riff = u32::from_le_bytes([wav[4], wav[5], wav[6], wav[7]]);
        assert_eq!(riff as usize, wav.len() - 8);
    }
}
