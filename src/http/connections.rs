//! The connections: accepting them, and bounding how long each may take to say what it wants
//! and how long it may go on once the server is to stop. `axum::serve` bounds neither.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::serve::Listener;
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// What the first bytes of an HTTP/2 connection are, by RFC 9113, section 3.4.
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How long things may take.
pub(super) struct Limits {
    /// The head of a request, counted from the connection's beginning or from the answer before.
    pub head: Duration,
    /// What is under way when the server is to stop.
    pub closing: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(30),
            closing: Duration::from_secs(15),
        }
    }
}

/// Serves every connection until `stop` resolves, then ends them: idle ones at once, the others
/// when they have their answer, all of them when the limit is over. `down` is true from when
/// `stop` has resolved. What `opened` returns is kept while a connection is open.
pub(super) async fn serve<T: Send + 'static>(
    mut listener: TcpListener,
    router: Router,
    limits: Limits,
    down: watch::Receiver<bool>,
    stop: impl Future<Output = ()>,
    opened: impl Fn() -> T,
) {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(limits.head)
        // For sockets over HTTP/2.
        .enable_connect_protocol();
    let builder = Arc::new(builder);
    let graceful = GracefulShutdown::new();
    let mut open = JoinSet::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let (stream, peer) = tokio::select! {
            biased;
            () = &mut stop => break,
            Some(_) = open.join_next() => continue,
            accepted = Listener::accept(&mut listener) => accepted,
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
        let (builder, watcher, down) = (builder.clone(), graceful.watcher(), down.clone());
        let opened = opened();
        open.spawn(async move {
            let _opened = opened;
            let begun = tokio::select! {
                begun = timeout(limits.head, begins(&stream)) => matches!(begun, Ok(true)),
                () = super::stopped(down) => false,
            };
            if begun {
                let connection =
                    builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
                if let Err(error) = watcher.watch(connection).await {
                    tracing::debug!(error, "a connection failed");
                }
            }
        });
    }
    drop(listener);
    let _ = timeout(limits.closing, graceful.shutdown()).await;
    open.shutdown().await;
}

/// Waits until the first bytes tell the version of HTTP; false where the peer is gone. The
/// builder, which finds out by itself, would wait for them without a limit.
async fn begins(stream: &TcpStream) -> bool {
    let mut first = [0; HTTP2_PREFACE.len()];
    loop {
        match stream.peek(&mut first).await {
            Ok(0) | Err(_) => return false,
            Ok(length) => {
                let seen = first.get(..length).unwrap_or_default();
                if length == first.len() || !HTTP2_PREFACE.starts_with(seen) {
                    return true;
                }
            }
        }
        // A part of the preface is there, and stays there: it is looked at again a little later.
        sleep(Duration::from_millis(10)).await;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::Router;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::sync::{oneshot, watch};

    use super::{Limits, serve};

    /// Whoever begins a request and does not go on is hung up on, and so is whoever says nothing.
    #[tokio::test]
    async fn a_request_that_does_not_come_ends_the_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/", get(|| async { "ok" }));
        let limits = Limits {
            head: Duration::from_millis(100),
            closing: Duration::from_millis(100),
        };
        let (_down, down) = watch::channel(false);
        let (stop, stopped) = oneshot::channel::<()>();
        let stopping = async {
            let _ = stopped.await;
        };
        let serving = tokio::spawn(serve(listener, router, limits, down, stopping, || ()));
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
            let _ = tokio::time::timeout(Duration::from_secs(20), read)
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
}
