use std::fs;
use std::sync::Mutex;

use rcgen::KeyPair;
use rcgen::PKCS_ECDSA_P256_SHA256;
use tokio::task::JoinSet;

use super::*;

/// A folder of one test, gone when the test is over.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("footbridge-tls-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn files(&self) -> Files {
        Files {
            certificate: self.0.join("tls.crt"),
            key: self.0.join("tls.key"),
        }
    }

    /// Writes a new pair; what the certificate is known by.
    fn renew(&self) -> Vec<u8> {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        fs::write(self.0.join("tls.crt"), made.cert.pem()).unwrap();
        fs::write(self.0.join("tls.key"), made.signing_key.serialize_pem()).unwrap();
        made.cert.der().to_vec()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn in_use(tls: &Tls) -> Vec<u8> {
    tls.current.get().0.cert[0].to_vec()
}

type Told = Arc<Mutex<Vec<Option<String>>>>;

/// Watches until the set is dropped.
fn watch(tls: &Tls) -> (JoinSet<()>, Told) {
    let told = Told::default();
    let list = Arc::clone(&told);
    let mut tasks = JoinSet::new();
    let hear = move |problem: Option<&str>| list.lock().unwrap().push(problem.map(str::to_owned));
    tasks.spawn(tls.clone().watch(hear));
    (tasks, told)
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..600 {
        if is_so() {
            return;
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("waited 30 s for {what}");
}

#[test]
fn keys_of_every_form_are_read_and_the_chain_is_kept() {
    let folder = Folder::new("forms");
    let files = folder.files();
    folder.renew();
    assert_eq!(files.read().unwrap().0.cert.len(), 1);
    let pem = fs::read_to_string(&files.certificate).unwrap();
    fs::write(&files.certificate, format!("{pem}{pem}")).unwrap();
    assert_eq!(files.read().unwrap().0.cert.len(), 2);
    for (key, certificate) in [
        (
            include_str!("tests/sec1.key"),
            include_str!("tests/sec1.crt"),
        ),
        (
            include_str!("tests/pkcs1.key"),
            include_str!("tests/pkcs1.crt"),
        ),
    ] {
        fs::write(&files.key, key).unwrap();
        fs::write(&files.certificate, certificate).unwrap();
        assert!(files.read().is_ok(), "{:?}", files.read());
    }
}

#[test]
fn what_is_wrong_with_a_pair_is_said_and_no_key_is_shown() {
    let folder = Folder::new("wrong");
    let files = folder.files();
    folder.renew();
    let other = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    for (certificate, key, part) in [
        (
            None,
            Some(other.serialize_pem()),
            "tls.key is not the key of the certificate in",
        ),
        (
            None,
            Some("nothing".to_owned()),
            "tls.key holds no private key",
        ),
        (
            Some("nothing".to_owned()),
            None,
            "tls.crt holds no certificate",
        ),
        (
            Some("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_owned()),
            None,
            "tls.crt cannot be read",
        ),
        (
            None,
            Some("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n".to_owned()),
            "tls.key is of no kind",
        ),
    ] {
        folder.renew();
        if let Some(text) = certificate {
            fs::write(&files.certificate, text).unwrap();
        }
        if let Some(text) = key {
            fs::write(&files.key, text).unwrap();
        }
        let problem = files.read().unwrap_err();
        assert!(problem.contains(part), "{problem}");
        assert!(
            !problem.contains("PRIVATE") && !problem.contains("AAAA"),
            "{problem}"
        );
    }
    fs::remove_file(&files.key).unwrap();
    assert!(files.read().unwrap_err().starts_with("cannot read "));
}

#[tokio::test]
async fn a_new_pair_is_taken_whether_written_or_renamed_into_place() {
    let folder = Folder::new("renewed");
    folder.renew();
    let tls = Tls::new(folder.files()).unwrap();
    let (_tasks, told) = watch(&tls);
    let written = folder.renew();
    until("the pair that was written", || in_use(&tls) == written).await;

    let beside = Folder::new("beside");
    let renamed = beside.renew();
    for name in ["tls.crt", "tls.key"] {
        fs::rename(beside.0.join(name), folder.0.join(name)).unwrap();
    }
    until("the pair that was renamed", || in_use(&tls) == renamed).await;
    assert_eq!(told.lock().unwrap().last(), Some(&None));
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_to_a_folder_that_is_swapped_is_followed() {
    use std::os::unix::fs::symlink;

    // As Kubernetes mounts secrets: tls.crt -> ..data/tls.crt, and ..data -> a folder for each revision.
    let (mount, first, second) = (Folder::new("mount"), Folder::new("r1"), Folder::new("r2"));
    let old = first.renew();
    let new = second.renew();
    symlink(&first.0, mount.0.join("..data")).unwrap();
    for name in ["tls.crt", "tls.key"] {
        symlink(Path::new("..data").join(name), mount.0.join(name)).unwrap();
    }
    let tls = Tls::new(mount.files()).unwrap();
    assert_eq!(in_use(&tls), old);
    let (_tasks, _told) = watch(&tls);
    symlink(&second.0, mount.0.join("..next")).unwrap();
    fs::rename(mount.0.join("..next"), mount.0.join("..data")).unwrap();
    until("the pair of the other folder", || in_use(&tls) == new).await;
}

#[tokio::test]
async fn a_bad_pair_keeps_the_old_one_is_told_once_and_a_good_one_heals_it() {
    let folder = Folder::new("bad");
    let old = folder.renew();
    let tls = Tls::new(folder.files()).unwrap();
    let (_tasks, told) = watch(&tls);
    let other = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    fs::write(&folder.files().key, other.serialize_pem()).unwrap();
    until("the problem", || !told.lock().unwrap().is_empty()).await;
    // Two more looks say nothing new.
    sleep(LOOK_EVERY * 2).await;
    assert_eq!(in_use(&tls), old);
    {
        let told = told.lock().unwrap();
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(
            told[0]
                .as_ref()
                .is_some_and(|problem| problem.contains("is not the key of"))
        );
    }
    let new = folder.renew();
    until("the good pair", || in_use(&tls) == new).await;
    assert_eq!(told.lock().unwrap().last(), Some(&None));
}
