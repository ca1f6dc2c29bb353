//! Lines out of a stream of bytes, each at most so long.

use std::io;

use tokio::io::AsyncBufRead;
use tokio::io::AsyncBufReadExt;

/// A buffer that has held one long line is given back above this size.
const KEPT_CAPACITY: usize = 256 * 1024;

/// What became of reading a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// A line, without its line end; the last one may have had none.
    Line,
    /// A line longer than the limit, cut there.
    Cut,
    /// The stream has ended.
    End,
}

/// Reads a line into `line`, which is emptied first. The rest of a line that was cut is thrown away.
pub(super) async fn read(
    input: &mut (impl AsyncBufRead + Unpin),
    line: &mut Vec<u8>,
    limit: usize,
) -> io::Result<Read> {
    line.clear();
    if line.capacity() > KEPT_CAPACITY {
        line.shrink_to(KEPT_CAPACITY);
    }
    let mut is_cut = false;
    loop {
        let available = input.fill_buf().await?;
        if available.is_empty() {
            return Ok(if is_cut {
                Read::Cut
            } else if line.is_empty() {
                Read::End
            } else {
                Read::Line
            });
        }
        let end = memchr::memchr(b'\n', available);
        let part = &available[..end.unwrap_or(available.len())];
        let room = limit.saturating_sub(line.len());
        is_cut |= part.len() > room;
        line.extend_from_slice(&part[..part.len().min(room)]);
        let n_used = part.len() + usize::from(end.is_some());
        input.consume(n_used);
        if end.is_some() {
            if line.last() == Some(&b'\r') {
                line.pop();
            }
            return Ok(if is_cut { Read::Cut } else { Read::Line });
        }
        if is_cut {
            // Nothing of it is wanted any more; a stream without line ends must not keep us here for ever.
            return Ok(Read::Cut);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn all(bytes: &[u8], chunk: usize, limit: usize) -> Vec<(Read, String)> {
        let mut input = tokio::io::BufReader::with_capacity(chunk, bytes);
        let (mut line, mut seen) = (Vec::new(), Vec::new());
        loop {
            let read = read(&mut input, &mut line, limit).await.unwrap();
            if read == Read::End {
                return seen;
            }
            seen.push((read, String::from_utf8_lossy(&line).into_owned()));
        }
    }

    #[tokio::test]
    async fn lines_are_found_whatever_the_chunks() {
        for chunk in 1..12 {
            let seen = all(b"a\r\n\nlonger line\nend", chunk, 100).await;
            let expected = [
                (Read::Line, "a"),
                (Read::Line, ""),
                (Read::Line, "longer line"),
                (Read::Line, "end"),
            ];
            let seen: Vec<(Read, &str)> = seen
                .iter()
                .map(|(read, line)| (*read, line.as_str()))
                .collect();
            // An empty line at the end of a chunk must not be taken for the end of the stream.
            assert_eq!(seen, expected, "chunks of {chunk}");
        }
    }

    #[tokio::test]
    async fn a_line_at_the_limit_passes_and_one_past_it_is_cut() {
        assert_eq!(
            all(b"12345\n", 64, 5).await,
            [(Read::Line, "12345".to_owned())]
        );
        assert_eq!(
            all(b"123456\nb\n", 64, 5).await,
            [
                (Read::Cut, "12345".to_owned()),
                (Read::Line, "b".to_owned())
            ]
        );
    }
}
