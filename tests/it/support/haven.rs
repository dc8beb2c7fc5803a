//! A running haven, and the people who use it.

use std::net::SocketAddr;
use std::sync::Arc;

use haven::app::App;
use haven::auth::Viewer;
use haven::clock::Clock;
use haven::config::Config;
use haven::domain::accounts::{self, Registration};
use haven::domain::catalogue;
use haven::domain::input::Check;
use haven::http;
use haven::language::Language;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::client::{Answer, Call};
use super::databases::{Database, Scratch};

/// The password of everybody in the tests.
pub const PASSWORD: &str = "securepassword123";

/// A haven of one test's own, listening on a free port.
pub struct Haven {
    pub app: Arc<App>,
    pub address: SocketAddr,
    stop: watch::Sender<bool>,
    running: JoinHandle<()>,
    client: reqwest::Client,
    config: Config,
    scratch: Scratch,
}

/// Somebody who registered and logged in.
#[derive(Clone, Debug)]
pub struct Person {
    pub id: i64,
    pub token: String,
}

impl Haven {
    /// With the starting catalogue and no settings.
    pub async fn start(database: Database) -> Self {
        Self::with(database, |_| {}).await
    }

    /// With settings of the test's own.
    pub async fn with(database: Database, settings: impl FnOnce(&mut Config)) -> Self {
        let scratch = database.scratch().await;
        let mut config = Config {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            data_dir: scratch.folder.path().to_path_buf(),
            database_url: Some(scratch.url.clone().into()),
            database_connections: 5,
            ..Config::default()
        };
        settings(&mut config);
        Self::run(config, Clock::default(), scratch).await
    }

    async fn run(config: Config, clock: Clock, scratch: Scratch) -> Self {
        // The first to come installs it; everybody else finds it there.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let app = App::new(config.clone(), clock).await.unwrap();
        catalogue::start(&app).await.unwrap();
        let listener = TcpListener::bind(config.listen).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, shutdown) = watch::channel(false);
        let serving = http::serve(app.clone(), listener, shutdown, async { Ok(()) });
        let running = tokio::spawn(async move { serving.await.unwrap() });
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .unwrap();
        Self {
            app,
            address,
            stop,
            running,
            client,
            config,
            scratch,
        }
    }

    /// Stops gracefully and starts again on the same database, as an upgrade does.
    pub async fn restart(self) -> Self {
        let Self {
            app,
            stop,
            running,
            config,
            scratch,
            ..
        } = self;
        stop.send(true).unwrap();
        running.await.unwrap();
        let clock = app.clock.clone();
        drop(app);
        Self::run(config, clock, scratch).await
    }

    /// [`Self::restart`] on the same port, where clients look for it.
    pub async fn restart_in_place(mut self) -> Self {
        self.config.listen = self.address;
        self.restart().await
    }

    /// A request, to be completed and sent.
    pub fn call(&self, method: &str, path: &str) -> Call {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let url = format!("http://{}{path}", self.address);
        Call::new(self.client.request(method, url))
    }

    /// A request with somebody's token.
    pub fn by(&self, person: &Person, method: &str, path: &str) -> Call {
        self.call(method, path).token(&person.token)
    }

    /// Registers and logs in.
    pub async fn person(&self, username: &str) -> Person {
        let input = json!({
            "username": username,
            "email": format!("{username}@example.com"),
            "password": PASSWORD,
        });
        let register = "mutation($input: RegisterInput!) { register(input: $input) { id } }";
        let answer = self.graphql(None, register, json!({"input": input})).await;
        assert_eq!(answer.get("errors"), None, "{answer:#}");
        self.log_in(username).await
    }

    /// Logs in.
    pub async fn log_in(&self, username: &str) -> Person {
        let login = "mutation($input: LoginInput!) { login(input: $input) { token user { id } } }";
        let input = json!({"username": username, "password": PASSWORD});
        let answer = self.graphql(None, login, json!({"input": input})).await;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        Person {
            id: text(&answer["data"]["login"]["user"]["id"])
                .unwrap_or_else(|| panic!("no login: {answer:#}"))
                .parse()
                .unwrap(),
            token: text(&answer["data"]["login"]["token"]).unwrap(),
        }
    }

    /// Makes an admin as the command line does, and logs in.
    pub async fn admin(&self, username: &str) -> Person {
        let input = Registration {
            username: username.to_owned(),
            email: format!("{username}@example.com"),
            password: PASSWORD.to_owned(),
            language: Language::Ru,
        };
        accounts::create(&self.app, Check::default(), input, true)
            .await
            .unwrap();
        self.log_in(username).await
    }

    /// Somebody as the domain sees them.
    pub async fn viewer(&self, person: &Person) -> Viewer {
        accounts::authenticate(&self.app, &person.token)
            .await
            .unwrap()
    }

    /// A GraphQL request over POST; the whole answer.
    pub async fn graphql(&self, person: Option<&Person>, query: &str, variables: Value) -> Value {
        let mut call = self.call("POST", "/graphql");
        if let Some(person) = person {
            call = call.token(&person.token);
        }
        let body = json!({"query": query, "variables": variables});
        let answer: Answer = call.json(&body).send().await;
        answer.assert_status(200);
        answer.json()
    }

    /// A GraphQL request that has to succeed; its data.
    pub async fn data(&self, person: &Person, query: &str, variables: Value) -> Value {
        let answer = self.graphql(Some(person), query, variables).await;
        assert_eq!(answer.get("errors"), None, "{answer:#}");
        answer["data"].clone()
    }

    /// The code of the first error of a GraphQL request that has to fail.
    pub async fn code(&self, person: Option<&Person>, query: &str, variables: Value) -> String {
        let answer = self.graphql(person, query, variables).await;
        let code = &answer["errors"][0]["extensions"]["code"];
        code.as_str()
            .unwrap_or_else(|| panic!("no error with a code: {answer:#}"))
            .to_owned()
    }

    /// SQL statements run by `work`.
    pub async fn statements<T>(&self, work: impl Future<Output = T>) -> (u64, T) {
        let before = self.app.db.statements();
        let result = work.await;
        (self.app.db.statements() - before, result)
    }

    /// SQL statements run by `work`, and its last result: the fewest of some runs, because the
    /// delivery worker and others look for work at times of their own.
    pub async fn fewest_statements<T>(&self, work: impl AsyncFn() -> T) -> (u64, T) {
        let mut best = self.statements(work()).await;
        for _ in 0..15 {
            let (statements, result) = self.statements(work()).await;
            best = (best.0.min(statements), result);
        }
        best
    }
}
