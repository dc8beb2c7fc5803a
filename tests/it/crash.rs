//! What the clients of a server that is killed get from the next one.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::assistant_stub::{Act, Stub};
use crate::on_both;
use crate::support::databases::Scratch;
use crate::support::haven::PASSWORD;
use crate::support::socket::Socket;

/// Nothing here takes this long; it only keeps a broken test from hanging.
const PATIENCE: Duration = Duration::from_secs(60);

const PIECE: &str = "answerId restart text cursor done source message { message sender }";

/// The program on a database, where clients look for it.
struct Program {
    child: Child,
    address: SocketAddr,
}

impl Program {
    async fn start(scratch: &Scratch, address: SocketAddr, stub: &Stub) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_haven"))
            .env_clear()
            .current_dir(scratch.folder.path())
            .env("HAVEN_LISTEN", address.to_string())
            .env("HAVEN_DATA_DIR", scratch.folder.path())
            .env("HAVEN_DATABASE_URL", &scratch.url)
            .env("HAVEN_ASSISTANT_URL", stub.url())
            // Where several servers may share a database, an answer counts as left behind 5 s
            // later.
            .env("HAVEN_ASSISTANT_TIMEOUT", "6")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let this = Self { child, address };
        let serves = async {
            while client().get(this.url("/healthz")).send().await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, serves).await.unwrap();
        this
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// By SIGKILL.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    async fn post(&self, path: &str, token: &str, body: Value) -> Value {
        let post = client().post(self.url(path)).json(&body);
        let post = post.header("authorization", format!("Token {token}"));
        post.send().await.unwrap().json().await.unwrap()
    }

    async fn follow(&self, token: &str, query: &str) -> Socket {
        let protocol = [("sec-websocket-protocol", "graphql-transport-ws")];
        let socket = Socket::at(self.address, "/graphql/ws", &protocol).await;
        let mut socket = socket.unwrap();
        let init = json!({"type": "connection_init", "payload": {"token": token}});
        socket.say(&init).await;
        assert_eq!(socket.frame().await["type"], "connection_ack");
        let payload = json!({"query": query});
        let subscribe = json!({"type": "subscribe", "id": "1", "payload": payload});
        socket.say(&subscribe).await;
        socket
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Fails where it was killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// The next piece of an answer, and what a client shows that had shown `shown`.
async fn piece(socket: &mut Socket, root: &str, shown: &mut String) -> Value {
    let frame = socket.frame().await;
    assert_eq!(frame["type"], "next", "{frame:#}");
    assert_eq!(frame["payload"].get("errors"), None, "{frame:#}");
    let piece = frame["payload"]["data"][root].clone();
    if piece["restart"] == true {
        shown.clear();
    }
    shown.push_str(piece["text"].as_str().unwrap());
    piece
}

on_both! {
    async fn an_answer_that_a_killed_server_was_writing_is_finished_by_the_next(database) {
        let scratch = database.scratch().await;
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let stub = Stub::start([vec![
            Act::Say("Дышите медленно. "), Act::Say("Ещё раз. "), Act::Say("И"), Act::Hang,
        ]]).await;
        let haven = Program::start(&scratch, address, &stub).await;
        let account = json!({"username": "anna", "email": "anna@example.com", "password": PASSWORD});
        haven.post("/api/v1/user/registration/", "", account.clone()).await;
        let login = haven.post("/api/v1/user/login/", "", account).await;
        let token = login["token"].as_str().unwrap();
        let ask = format!(
            "subscription {{ assistantReply(userId: \"me\", text: \"Как справиться с тревогой?\", \
             clientId: \"one\") {{ {PIECE} }} }}",
        );
        let mut socket = haven.follow(token, &ask).await;
        let (mut shown, mut last) = (String::new(), Value::Null);
        while !shown.contains("раз.") {
            last = piece(&mut socket, "assistantReply", &mut shown).await;
            assert_eq!(last["done"], false);
        }
        let before = shown.clone();
        haven.kill();

        let haven = Program::start(&scratch, address, &stub).await;
        // The client goes on where it was.
        let resume = format!(
            "subscription {{ assistantAnswer(id: {}, after: {}) {{ {PIECE} }} }}",
            last["answerId"], last["cursor"],
        );
        let mut socket = haven.follow(token, &resume).await;
        while last["done"] == false {
            last = piece(&mut socket, "assistantAnswer", &mut shown).await;
        }
        assert_eq!(socket.frame().await["type"], "complete");
        assert_eq!(last["source"], "GUIDE");
        assert_eq!(last["message"]["message"], json!(shown));
        assert!(shown.starts_with(before.trim_end()), "{shown}");
        assert!(shown.contains("на этом ответ прервался"), "{shown}");
        // One that kept nothing but its key asks again, and gets the same.
        let mut socket = haven.follow(token, &ask).await;
        let mut again = String::new();
        let mut end = Value::Null;
        while end["done"] != true {
            end = piece(&mut socket, "assistantReply", &mut again).await;
        }
        assert_eq!((&again, &end["answerId"]), (&shown, &last["answerId"]));
        // It is stored once, and the model was asked once.
        let chats = "{ me { assistantChats { nodes { messages { nodes { message } } } } } }";
        let chats = haven.post("/graphql", token, json!({"query": chats})).await;
        let messages = &chats["data"]["me"]["assistantChats"]["nodes"][0]["messages"]["nodes"];
        assert_eq!(messages.as_array().unwrap().len(), 2, "{chats:#}");
        assert_eq!(messages[1]["message"], json!(shown));
        assert_eq!(stub.requests().len(), 1);
    }
}
