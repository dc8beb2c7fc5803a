//! The connections: accepting them, and bounding how long each may take to say what it wants and
//! to take its answer, and how long it may go on once the server is to stop. `axum::serve` bounds
//! none of these. HTTP/1.1 alone: the proxy in front speaks the rest, and an HTTP/2 connection
//! could hold any number of answers back by a small window.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::serve::Listener;
use hyper::body::Incoming;
use hyper::server::conn::http1::Builder;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_io_timeout::TimeoutStream;

/// How many file descriptors clients leave to the database, the mail server, the SMS gateway, the
/// model and the runtime itself, whose own bounds together stay below this.
const RESERVED: u64 = 1024;

/// How many connections there may be, and how long things may take.
pub(super) struct Limits {
    /// Connections at once, sockets included. Further ones wait in the kernel's queue, so that
    /// clients can't take the descriptors that alarms go out by.
    pub open: usize,
    /// The head of a request, counted from the connection's beginning or from the answer before.
    pub head: Duration,
    /// The answer, while the client takes nothing of it.
    pub write: Duration,
    /// What is under way when the server is to stop.
    pub closing: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        // Half of too few still serves.
        let descriptors = rlimit::Resource::NOFILE.get_soft().unwrap_or(1024);
        let open = (descriptors / 2).max(descriptors.saturating_sub(RESERVED));
        Self {
            open: usize::try_from(open)
                .unwrap_or(usize::MAX)
                .min(Semaphore::MAX_PERMITS),
            head: Duration::from_secs(30),
            write: Duration::from_secs(30),
            closing: Duration::from_secs(15),
        }
    }
}

/// A client's stream, and what is kept until it is closed: longer than its HTTP connection where
/// it becomes a WebSocket.
struct Held<T> {
    stream: TcpStream,
    _kept: T,
}

impl<T: Unpin> AsyncRead for Held<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<T: Unpin> AsyncWrite for Held<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// Serves every connection until `stop` resolves, then ends them: idle ones at once, the others
/// when they have their answer, all of them when the limit is over. What `opened` returns is kept
/// while a connection is open, or the socket that it became.
pub(super) async fn serve<T: Send + Unpin + 'static>(
    mut listener: TcpListener,
    router: Router,
    limits: Limits,
    stop: impl Future<Output = ()>,
    opened: impl Fn() -> T,
) {
    let mut builder = Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head);
    let (ending, _) = watch::channel(false);
    let places = Arc::new(Semaphore::new(limits.open));
    let mut open = JoinSet::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = async {
            let place = places.clone().acquire_owned().await;
            (place, Listener::accept(&mut listener).await)
        };
        let (place, (stream, peer)) = tokio::select! {
            biased;
            () = &mut stop => break,
            Some(_) = open.join_next() => continue,
            accepted = accepted => accepted,
        };
        // Answers are small; waiting to fill a packet would only delay them.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "cannot set TCP_NODELAY");
        }
        let router = TowerToHyperService::new(router.clone());
        let service = service_fn(move |request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(peer));
            router.call(request)
        });
        let (builder, ended) = (builder.clone(), super::stopped(ending.subscribe()));
        let stream = Held {
            stream,
            _kept: (place, opened()),
        };
        open.spawn(async move {
            let mut stream = TimeoutStream::new(stream);
            stream.set_write_timeout(Some(limits.write));
            let stream = TokioIo::new(Box::pin(stream));
            let connection = builder.serve_connection(stream, service).with_upgrades();
            let mut connection = std::pin::pin!(connection);
            let served = tokio::select! {
                served = connection.as_mut() => served,
                () = ended => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = served {
                tracing::debug!(%error, "a connection failed");
            }
        });
    }
    drop(listener);
    ending.send_replace(true);
    let _ = timeout(limits.closing, async {
        while open.join_next().await.is_some() {}
    })
    .await;
    open.shutdown().await;
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::Router;
    use axum::extract::WebSocketUpgrade;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::sync::{mpsc, oneshot};
    use tokio::time::timeout;

    use super::{Limits, serve};

    /// Tells when the connection that it was made for has ended.
    struct Open(mpsc::UnboundedSender<()>);

    impl Drop for Open {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }

    fn quick() -> Limits {
        Limits {
            open: 2,
            head: Duration::from_millis(100),
            write: Duration::from_millis(100),
            closing: Duration::from_millis(100),
        }
    }

    /// Whoever begins a request and does not go on is hung up on, and so is whoever says nothing.
    #[tokio::test]
    async fn a_request_that_does_not_come_ends_the_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/", get(|| async { "ok" }));
        let limits = quick();
        let (stop, stopped) = oneshot::channel::<()>();
        let stopping = async {
            let _ = stopped.await;
        };
        let serving = tokio::spawn(serve(listener, router, limits, stopping, || ()));
        let answered = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";
        for begun in [
            "",
            "P",
            "PRI * HT",
            "GET / HTTP/1.1\r\nhost: x\r\nx-a: ",
            answered,
        ] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(begun.as_bytes()).await.unwrap();
            let mut said = Vec::new();
            let read = stream.read_to_end(&mut said);
            // What was not read yet makes the end a reset; hung up on it is either way.
            let _ = timeout(Duration::from_secs(20), read)
                .await
                .unwrap_or_else(|_| panic!("{begun:?} keeps a connection open"));
            let said = String::from_utf8_lossy(&said);
            assert_eq!(
                said.contains("200 OK"),
                begun == answered,
                "{begun:?}: {said}"
            );
        }
        drop(stop);
        serving.await.unwrap();
    }

    /// Whoever asks and does not take the answer is hung up on.
    #[tokio::test]
    async fn an_answer_that_is_not_taken_ends_the_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let whole = "x".repeat(64 * 1024 * 1024);
        let length = whole.len();
        let router = Router::new().route("/", get(move || async move { whole }));
        let limits = quick();
        let (ended, mut an_end) = mpsc::unbounded_channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let stopping = async {
            let _ = stopped.await;
        };
        let opened = move || Open(ended.clone());
        let serving = tokio::spawn(serve(listener, router, limits, stopping, opened));
        let mut stream = TcpStream::connect(address).await.unwrap();
        let asked = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";
        stream.write_all(asked.as_bytes()).await.unwrap();
        timeout(Duration::from_secs(20), an_end.recv())
            .await
            .expect("an answer waits for ever");
        // No more than fits into the buffers in between was sent.
        let mut said = Vec::new();
        let _ = stream.read_to_end(&mut said).await;
        assert!(said.len() < length, "{}", said.len());
        drop(stop);
        serving.await.unwrap();
    }

    /// More connections than there are places wait until one is free; a socket keeps its place.
    #[tokio::test]
    async fn connections_over_the_bound_wait_for_a_place() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route(
            "/",
            get(|upgrade: WebSocketUpgrade| async {
                upgrade.on_upgrade(async |mut socket| while socket.recv().await.is_some() {})
            }),
        );
        let limits = Limits {
            open: 1,
            head: Duration::from_secs(30),
            ..quick()
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let stopping = async {
            let _ = stopped.await;
        };
        let serving = tokio::spawn(serve(listener, router, limits, stopping, || ()));
        let asked = "GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                     sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
        let mut first = TcpStream::connect(address).await.unwrap();
        first.write_all(asked.as_bytes()).await.unwrap();
        let mut switched = [0; 12];
        first.read_exact(&mut switched).await.unwrap();
        assert_eq!(&switched, b"HTTP/1.1 101");
        let mut second = TcpStream::connect(address).await.unwrap();
        second.write_all(asked.as_bytes()).await.unwrap();
        let mut nothing = [0; 12];
        let early = timeout(Duration::from_millis(200), second.read_exact(&mut nothing)).await;
        assert!(early.is_err(), "a second connection was served");
        drop(first);
        second.read_exact(&mut switched).await.unwrap();
        assert_eq!(&switched, b"HTTP/1.1 101");
        drop(stop);
        serving.await.unwrap();
    }
}
