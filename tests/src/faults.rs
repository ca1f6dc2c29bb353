//! A proxy between a page and the bridge that breaks connections, and counts what it broke.
//!
//! Owns every connection through it. Never looks at what passes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// What becomes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It goes on.
    Pass,
    /// It is cut after so many bytes, of both directions together, at most; where exactly is left to chance.
    Cut(u64),
    /// After so many bytes nothing passes any more, and nobody is told.
    Hang(u64),
}

/// A proxy that breaks connections.
#[derive(Debug)]
pub struct Faults {
    address: SocketAddr,
    state: Arc<State>,
    _accepting: JoinSet<()>,
}

#[derive(Debug)]
struct State {
    bridge: SocketAddr,
    fate: std::sync::Mutex<Fate>,
    chance: AtomicU64,
    broken: AtomicUsize,
}

impl Faults {
    /// Begins to stand before a bridge. The same seed chooses the same places, as far as timing lets it.
    ///
    /// # Panics
    /// When it cannot listen.
    pub async fn before(bridge: SocketAddr, seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let state = Arc::new(State {
            bridge,
            fate: std::sync::Mutex::new(Fate::Pass),
            chance: AtomicU64::new(seed | 1),
            broken: AtomicUsize::new(0),
        });
        let mut accepting = JoinSet::new();
        let shared = Arc::clone(&state);
        accepting.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((page, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                connections.spawn(async move { state.carry(page).await });
                while connections.try_join_next().is_some() {}
            }
        });
        Self {
            address,
            state,
            _accepting: accepting,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What becomes of connections from now on, those that are there included.
    ///
    /// # Panics
    /// Never: nobody panics while holding the lock.
    pub fn set(&self, fate: Fate) {
        *self.state.fate.lock().expect("nobody panics with it") = fate;
    }

    /// How many connections it has broken.
    pub fn broken(&self) -> usize {
        self.state.broken.load(Ordering::Relaxed)
    }
}

impl State {
    /// A number below `bound`.
    fn below(&self, bound: u64) -> u64 {
        // xorshift64
        let step = |mut x: u64| {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            Some(x)
        };
        let before = self
            .chance
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, step)
            .unwrap_or_default();
        before % bound.max(1)
    }

    fn fate(&self) -> Fate {
        *self.fate.lock().expect("nobody panics with it")
    }

    async fn carry(&self, mut page: TcpStream) {
        let Ok(mut bridge) = TcpStream::connect(self.bridge).await else {
            return;
        };
        let _ = (page.set_nodelay(true), bridge.set_nodelay(true));
        let place = self.below(u64::MAX);
        let mut passed = 0;
        let (mut of_page, mut of_bridge) = (vec![0; 4096], vec![0; 4096]);
        loop {
            let (n, is_pages) = tokio::select! {
                read = page.read(&mut of_page) => (read, true),
                read = bridge.read(&mut of_bridge) => (read, false),
            };
            let Ok(n @ 1..) = n else {
                return;
            };
            let (bytes, to) = if is_pages {
                (&of_page[..n], &mut bridge)
            } else {
                (&of_bridge[..n], &mut page)
            };
            let left = match self.fate() {
                Fate::Pass => u64::MAX,
                Fate::Cut(most) => (place % most.max(1)).saturating_sub(passed),
                Fate::Hang(most) => most.saturating_sub(passed),
            };
            let n_passing = n.min(usize::try_from(left).unwrap_or(usize::MAX));
            if to.write_all(&bytes[..n_passing]).await.is_err() {
                return;
            }
            passed += n_passing as u64;
            if n_passing == n {
                continue;
            }
            self.broken.fetch_add(1, Ordering::Relaxed);
            if let Fate::Hang(_) = self.fate() {
                // Both sides keep a connection over which nothing comes.
                return std::future::pending().await;
            }
            // Half of them end in order and half with a reset.
            if place.is_multiple_of(2) {
                let _ = (page.set_zero_linger(), bridge.set_zero_linger());
            }
            return;
        }
    }
}
