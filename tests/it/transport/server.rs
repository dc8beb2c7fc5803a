//! A small schema behind the transport, on a real port.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use async_graphql::{
    Context, Data, EmptySubscription, Enum, ErrorExtensions, InputObject, Object, OneofObject,
    Result, Scalar, ScalarType, Schema, SchemaBuilder, Subscription, Value,
};
use futures_util::{FutureExt, Stream, StreamExt, stream};
use haven::transport::{Access, Asking, Credentials, Endpoint, Refused, Session, Settings, router};
use tokio::sync::watch;

/// Who is calling; lives in the request's data.
struct Viewer(String);

/// The number of the execution that the request's data was made for.
struct Execution(i32);

/// What tests look at and turn.
pub struct Server {
    pub address: SocketAddr,
    /// `true` ends the credentials of everybody.
    pub revoke: watch::Sender<bool>,
    /// `true` shuts the transport down.
    pub shutdown: watch::Sender<bool>,
    pub probe: Arc<Probe>,
}

/// What resolvers report.
pub struct Probe {
    /// Subscriptions that exist.
    pub live: watch::Sender<i32>,
    /// Mutations that ran to their end.
    pub finished: watch::Sender<i32>,
    /// Slow mutations and subscriptions that were begun.
    pub begun: watch::Sender<i32>,
    /// Lets slow mutations end.
    pub gate: watch::Sender<bool>,
    counter: AtomicI32,
    executions: AtomicI32,
}

/// Counts a subscription for as long as it exists.
struct Live(Arc<Probe>);

impl Live {
    fn new(probe: &Arc<Probe>) -> Self {
        probe.live.send_modify(|live| *live += 1);
        probe.begun.send_modify(|begun| *begun += 1);
        Self(Arc::clone(probe))
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.0.live.send_modify(|live| *live -= 1);
    }
}

#[derive(InputObject)]
struct PersonInput {
    name: String,
    age: Option<i32>,
    #[graphql(default = 5)]
    rank: i32,
    colours: Option<Vec<Colour>>,
}

#[derive(OneofObject)]
enum By {
    Id(async_graphql::ID),
    Name(String),
}

#[derive(Clone, Copy, Enum, PartialEq, Eq)]
enum Colour {
    Red,
    Green,
}

struct Day(String);

#[Scalar]
impl ScalarType for Day {
    fn parse(value: Value) -> async_graphql::InputValueResult<Self> {
        match value {
            Value::String(text) if text.len() == 10 => Ok(Self(text)),
            _ => Err("a day has ten characters".into()),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.clone())
    }
}

pub struct Query;

#[Object]
impl Query {
    async fn hello(
        &self,
        #[graphql(default_with = "\"world\".to_owned()")] name: String,
    ) -> String {
        format!("Hello, {name}!")
    }

    async fn viewer<'a>(&self, ctx: &Context<'a>) -> Result<&'a str> {
        Ok(&ctx.data::<Viewer>()?.0)
    }

    async fn execution(&self, ctx: &Context<'_>) -> Result<i32> {
        Ok(ctx.data::<Execution>()?.0)
    }

    async fn node(&self) -> Query {
        Query
    }

    async fn boom(&self) -> Option<Result<String>> {
        let error = async_graphql::Error::new("boom");
        Some(Err(error.extend_with(|_, e| e.set("code", "CONFLICT"))))
    }

    async fn must(&self) -> Result<String> {
        Err("no".into())
    }

    async fn panics(&self) -> i32 {
        if true { panic!("on purpose") } else { 0 }
    }

    async fn person(&self, input: PersonInput) -> String {
        let (age, colours) = (input.age.unwrap_or(-1), input.colours.unwrap_or_default());
        let red = colours.iter().filter(|c| **c == Colour::Red).count();
        format!(
            "{} {age} {} {red} of {}",
            input.name,
            input.rank,
            colours.len()
        )
    }

    async fn find(&self, by: By) -> String {
        match by {
            By::Id(id) => format!("id {}", id.0),
            By::Name(name) => format!("name {name}"),
        }
    }

    async fn at(&self, day: Day) -> String {
        day.0
    }
}

pub struct Mutation;

#[Object]
impl Mutation {
    async fn increment(&self, ctx: &Context<'_>) -> Result<i32> {
        let probe = ctx.data::<Arc<Probe>>()?;
        Ok(probe.counter.fetch_add(1, Ordering::SeqCst) + 1)
    }

    /// Ends when the gate opens.
    async fn slow(&self, ctx: &Context<'_>) -> Result<bool> {
        let probe = ctx.data::<Arc<Probe>>()?;
        probe.begun.send_modify(|begun| *begun += 1);
        probe.gate.subscribe().wait_for(|open| *open).await?;
        probe.finished.send_modify(|finished| *finished += 1);
        Ok(true)
    }
}

pub struct Events;

#[Subscription(name = "Subscription")]
impl Events {
    async fn count(&self, to: i32) -> impl Stream<Item = i32> {
        stream::iter(1..=to)
    }

    /// One event, then silence.
    async fn forever(&self, ctx: &Context<'_>) -> Result<impl Stream<Item = i32>> {
        let live = Live::new(ctx.data::<Arc<Probe>>()?);
        let silence = stream::pending();
        Ok(stream::iter([0]).chain(silence).map(move |n| {
            let _ = &live;
            n
        }))
    }

    /// Silence from the beginning.
    async fn silent(&self, ctx: &Context<'_>) -> Result<impl Stream<Item = i32>> {
        let live = Live::new(ctx.data::<Arc<Probe>>()?);
        Ok(stream::pending().map(move |n| {
            let _ = &live;
            n
        }))
    }

    /// More than anybody can take.
    async fn flood(&self, ctx: &Context<'_>) -> Result<impl Stream<Item = String>> {
        let live = Live::new(ctx.data::<Arc<Probe>>()?);
        Ok(stream::repeat("x".repeat(100_000)).map(move |text| {
            let _ = &live;
            text
        }))
    }

    async fn failing(&self) -> Result<impl Stream<Item = i32>> {
        Err::<stream::Empty<i32>, _>("no such thing".into())
    }

    async fn panicking(&self) -> impl Stream<Item = i32> {
        stream::iter([1]).map(|_| -> i32 { panic!("on purpose") })
    }
}

pub fn schema() -> SchemaBuilder<Query, Mutation, Events> {
    Schema::build(Query, Mutation, Events)
}

/// A schema without mutations and subscriptions.
pub fn queries_only() -> Schema<Query, async_graphql::EmptyMutation, EmptySubscription> {
    Schema::new(Query, async_graphql::EmptyMutation, EmptySubscription)
}

pub async fn start(settings: Settings) -> Server {
    start_with(schema(), settings).await
}

pub async fn start_with(
    schema: SchemaBuilder<Query, Mutation, Events>,
    settings: Settings,
) -> Server {
    let probe = Arc::new(Probe {
        live: watch::Sender::new(0),
        begun: watch::Sender::new(0),
        finished: watch::Sender::new(0),
        gate: watch::Sender::new(false),
        counter: AtomicI32::new(0),
        executions: AtomicI32::new(0),
    });
    let schema = schema.data(Arc::clone(&probe)).finish();
    let revoke = watch::Sender::new(false);
    let (shutdown, down) = watch::channel(false);
    let session = {
        let (probe, revoke) = (Arc::clone(&probe), revoke.clone());
        move |name: String| {
            let probe = Arc::clone(&probe);
            let mut revoked = revoke.subscribe();
            Session {
                data: Arc::new(move || {
                    let mut data = Data::default();
                    data.insert(Viewer(name.clone()));
                    data.insert(Execution(probe.executions.fetch_add(1, Ordering::SeqCst)));
                    data
                }),
                ended: async move {
                    let _ = revoked.wait_for(|revoked| *revoked).await;
                }
                .boxed(),
            }
        }
    };
    let name_of = |header: &str| header.split_once(' ').unwrap_or_default().1.to_owned();
    let http = {
        let session = session.clone();
        move |asking: Asking<'_>| {
            let header = asking.parts.headers.get("authorization");
            let name = header.map_or("anonymous".into(), |h| name_of(h.to_str().unwrap()));
            std::future::ready(Ok(session(name))).boxed()
        }
    };
    let socket = move |credentials: Credentials| {
        let session = session.clone();
        async move {
            match credentials.authorization.as_deref() {
                None => Ok(session("anonymous".into())),
                Some("Token good" | "Bearer good") => Ok(session("good".into())),
                Some("Token later") => Err(Refused::Unavailable),
                Some("Token hangs") => std::future::pending().await,
                Some(_) => Err(Refused::Forbidden),
            }
        }
        .boxed()
    };
    let access = Access {
        http: Arc::new(http),
        socket: Arc::new(socket),
    };
    let endpoint = Endpoint::new(schema.clone(), &schema.sdl(), access, settings, down).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router(endpoint, "/graphql")).await });
    Server {
        address,
        revoke,
        shutdown,
        probe,
    }
}

impl Server {
    pub fn url(&self) -> String {
        format!("http://{}/graphql", self.address)
    }
}
