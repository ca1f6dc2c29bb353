use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::*;

/// A door on a free port, for which no address is exempt.
async fn door(limits: Limits, answer: Vec<u8>) -> (SocketAddr, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let door = Door {
            listener,
            tls: None,
            behind_proxy: false,
            limits: &limits,
            stop: CancellationToken::new(),
        };
        let endpoint = poem::endpoint::make_sync(move |_| answer.clone());
        serve_peers(door, endpoint, |_| false).await;
    });
    (address, tasks)
}

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";

async fn ask(address: SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(REQUEST).await.unwrap();
    let mut answer = String::new();
    let read = timeout(Duration::from_secs(30), stream.read_to_string(&mut answer));
    read.await.expect("an end within 30 s").unwrap();
    answer
}

#[tokio::test]
async fn one_address_gets_its_connections_and_is_told_of_one_more() {
    let limits = Limits {
        connections_per_peer: 2,
        ..Limits::default()
    };
    let (address, _tasks) = door(limits, b"served".to_vec()).await;
    let idle = TcpStream::connect(address).await.unwrap();
    assert!(ask(address).await.ends_with("served"));
    let second = TcpStream::connect(address).await.unwrap();
    // The door sees connections in the order in which they were made.
    let refused = ask(address).await;
    assert!(refused.starts_with("HTTP/1.1 429 "), "{refused}");
    assert!(refused.contains("retry-after: 5"), "{refused}");
    let (head, body) = refused.split_once("\r\n\r\n").unwrap();
    assert!(
        head.contains(&format!("content-length: {}", body.len())),
        "{refused}"
    );
    drop((idle, second));
    let end = Instant::now() + Duration::from_secs(30);
    while !ask(address).await.ends_with("served") {
        assert!(Instant::now() < end, "the places are free again");
    }
}

#[tokio::test]
async fn an_answer_that_nobody_takes_is_not_waited_for() {
    let limits = Limits {
        connections: 1,
        stall_timeout: Duration::from_millis(100),
        ..Limits::default()
    };
    // More than any system buffers for a peer.
    let (address, _tasks) = door(limits, vec![b'x'; 64 * 1024 * 1024]).await;
    let mut takes_nothing = TcpStream::connect(address).await.unwrap();
    takes_nothing.write_all(REQUEST).await.unwrap();
    // There is room for one connection alone.
    let mut next = TcpStream::connect(address).await.unwrap();
    next.write_all(REQUEST).await.unwrap();
    let mut first = [0; 12];
    let read = timeout(Duration::from_secs(30), next.read_exact(&mut first)).await;
    assert!(read.expect("the place is free again").is_ok());
    assert_eq!(&first, b"HTTP/1.1 200");
}

#[tokio::test]
async fn an_address_with_far_too_many_connections_is_closed_without_a_word() {
    let limits = Limits {
        connections_per_peer: 1,
        close_timeout: Duration::from_secs(300),
        ..Limits::default()
    };
    let (address, _tasks) = door(limits, b"served".to_vec()).await;
    let _served = TcpStream::connect(address).await.unwrap();
    let _told = TcpStream::connect(address).await.unwrap();
    let mut closed = TcpStream::connect(address).await.unwrap();
    let mut rest = Vec::new();
    let read = timeout(Duration::from_secs(30), closed.read_to_end(&mut rest)).await;
    assert!(read.is_ok(), "closed");
    assert!(rest.is_empty());
}
