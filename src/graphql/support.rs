//! Chat sessions and messages, and the support chat.

use async_graphql::{Context, Enum, ID, Object, SimpleObject, Subscription, Union};
use chrono::{DateTime, Utc};
use entity::{chat_message, chat_session};
use futures_util::{Stream, StreamExt};

use crate::auth::parse_id;
use crate::domain::support::{self, DeskEvent, Following, Message};
use crate::error::{Error, Noun, Problem, Result};
use crate::graphql::connections::{Connection, connection};
use crate::graphql::context::ContextExt;
use crate::graphql::scalars::{self, Nullable, nullable, user_ref};
use crate::graphql::users::User;

/// Whom a chat session is with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "chat_session::SessionType")]
pub enum ChatSessionType {
    /// The assistant.
    Gpt,
    /// Human supporters.
    User,
}

/// What wrote a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "chat_message::Sender")]
pub enum ChatSender {
    /// A person: the user, or a supporter where `fromAdmin` is true.
    User,
    /// The language model behind the assistant.
    Gpt,
    /// The server itself, as with the built-in guide of the assistant.
    System,
}

/// A chat session, or a link to one whose row is read when something besides `id` is asked for.
pub struct ChatSession {
    id: i64,
    row: Option<chat_session::Model>,
}

impl ChatSession {
    /// A link: answers `id` without reading anything.
    #[must_use]
    pub const fn by_id(id: i64) -> Self {
        Self { id, row: None }
    }

    async fn row(&self, ctx: &Context<'_>) -> Result<chat_session::Model> {
        if let Some(row) = &self.row {
            return Ok(row.clone());
        }
        ctx.loaders()?
            .chats
            .one(self.id)
            .await?
            .ok_or(Error::NotFound(Noun::ChatSession))
    }
}

impl From<chat_session::Model> for ChatSession {
    fn from(row: chat_session::Model) -> Self {
        Self {
            id: row.id,
            row: Some(row),
        }
    }
}

/// A conversation, with the assistant or with support. It begins with the first message. At most
/// one of each is open per user; ended ones stay readable. Conversations with the assistant are read by their user alone.
#[Object]
impl ChatSession {
    /// The session's id.
    async fn id(&self) -> ID {
        self.id.into()
    }

    /// Whose conversation it is.
    async fn user(&self, ctx: &Context<'_>) -> Result<User> {
        Ok(User::by_id(self.row(ctx).await?.user_id))
    }

    /// Whom it is with.
    #[graphql(name = "type")]
    async fn kind(&self, ctx: &Context<'_>) -> Result<ChatSessionType> {
        Ok(self.row(ctx).await?.session_type.into())
    }

    /// The supporter who answered last; null with the assistant, and where nobody answered.
    async fn receiver(&self, ctx: &Context<'_>) -> Nullable<User> {
        let row = self.row(ctx).await;
        nullable(row.map(|row| row.receiver_id.map(User::by_id)))
    }

    /// When it began.
    async fn started_at(&self, ctx: &Context<'_>) -> Result<DateTime<Utc>> {
        Ok(self.row(ctx).await?.started_at)
    }

    /// When it ended; null while it is open.
    async fn ended_at(&self, ctx: &Context<'_>) -> Nullable<DateTime<Utc>> {
        nullable(self.row(ctx).await.map(|row| row.ended_at))
    }

    /// What was said, oldest first; `last` gives the newest.
    async fn messages(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the beginning; 50 where nothing is said, 100 at most.")]
        first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 100 at most.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> Result<Connection<ChatMessage>> {
        let page = scalars::page(first, after.as_deref(), last, before.as_deref())?;
        let user_id = self.row(ctx).await?.user_id;
        let slice = ctx.loaders()?.messages_of_chat.page(self.id, page).await?;
        Ok(connection(slice, |row| {
            (row.id, ChatMessage::new(row, user_id))
        }))
    }
}

/// A message, and whose conversation it belongs to.
pub struct ChatMessage {
    row: chat_message::Model,
    user_id: i64,
}

impl ChatMessage {
    /// A message of this user's conversation.
    #[must_use]
    pub const fn new(row: chat_message::Model, user_id: i64) -> Self {
        Self { row, user_id }
    }
}

impl From<Message> for ChatMessage {
    fn from(message: Message) -> Self {
        Self::new(message.row, message.user_id)
    }
}

/// One message of a conversation, never changed. Ids rise in the order in which the messages of a conversation were stored.
#[Object]
impl ChatMessage {
    /// The message's id.
    async fn id(&self) -> ID {
        self.row.id.into()
    }

    /// The session it belongs to.
    async fn session(&self) -> ChatSession {
        ChatSession::by_id(self.row.session_id)
    }

    /// Whose conversation it belongs to; not who wrote it.
    async fn user(&self) -> User {
        User::by_id(self.user_id)
    }

    /// What wrote it.
    async fn sender(&self) -> ChatSender {
        self.row.sender.into()
    }

    /// Whether a supporter wrote it.
    async fn from_admin(&self) -> bool {
        self.row.from_admin
    }

    /// The person who wrote it: the user or a supporter. Null for the assistant, and once the
    /// account is gone.
    async fn author(&self) -> Option<User> {
        self.row.author_id.map(User::by_id)
    }

    /// Plain text, as typed.
    async fn message(&self) -> &str {
        &self.row.message
    }

    /// The `clientId` its author gave when sending; null where there was none. By it a client
    /// finds its own message again.
    async fn client_id(&self) -> Option<&str> {
        self.row.client_id.as_deref()
    }

    /// When it was stored.
    async fn timestamp(&self) -> DateTime<Utc> {
        self.row.timestamp
    }
}

/// How to open the socket of a support chat.
pub struct SupportChatAccess(support::Access);

/// How to open the WebSocket of a support chat, for clients that don't speak GraphQL.
#[Object]
impl SupportChatAccess {
    /// Whose chat it is.
    async fn user(&self) -> User {
        User::by_id(self.0.user_id)
    }

    /// Whether the caller is an admin.
    async fn is_admin(&self) -> bool {
        self.0.is_admin
    }

    /// Where to connect, with a token. Where the server is set so, the URL ends with a ticket
    /// that takes the token's place once, within 60 seconds.
    async fn websocket_url(&self) -> &str {
        self.0.websocket_url.as_str()
    }
}

/// A message was posted in a support chat.
#[derive(SimpleObject)]
pub struct ChatMessagePosted {
    /// The message.
    message: ChatMessage,
}

/// A user came online: the first of their connections to the support chat opened.
#[derive(SimpleObject)]
pub struct UserConnected {
    /// The user.
    user: User,
}

/// A user went offline: the last of their connections to the support chat closed.
#[derive(SimpleObject)]
pub struct UserDisconnected {
    /// The user.
    user: User,
}

/// Something that an admin who gives support wants to know.
#[derive(Union)]
pub enum SupportEvent {
    /// A message was posted.
    ChatMessagePosted(ChatMessagePosted),
    /// A user is there.
    UserConnected(UserConnected),
    /// A user is gone.
    UserDisconnected(UserDisconnected),
}

impl From<DeskEvent> for SupportEvent {
    fn from(event: DeskEvent) -> Self {
        match event {
            DeskEvent::Posted(message) => Self::ChatMessagePosted(ChatMessagePosted {
                message: message.into(),
            }),
            DeskEvent::Connected(user_id) => Self::UserConnected(UserConnected {
                user: User::by_id(user_id),
            }),
            DeskEvent::Disconnected(user_id) => Self::UserDisconnected(UserDisconnected {
                user: User::by_id(user_id),
            }),
        }
    }
}

/// Queries about the support chat.
#[derive(Default)]
pub struct SupportQueries;

#[Object]
impl SupportQueries {
    /// Every support conversation in which something was said, latest activity first. For
    /// admins.
    async fn support_inbox(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the beginning; 50 where nothing is said, 100 at most.")]
        first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 100 at most.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> Result<Connection<ChatSession>> {
        let page = scalars::page(first, after.as_deref(), last, before.as_deref())?;
        let slice = support::inbox(ctx.app()?, &ctx.viewer(), page).await?;
        Ok(connection(slice, |row| (row.last_message_id, row.into())))
    }
}

/// Taking part in the support chat.
#[derive(Default)]
pub struct SupportMutations;

#[Object]
impl SupportMutations {
    /// Where the WebSocket of a support chat is, for clients that don't follow `supportMessages`.
    /// For the user and for admins.
    async fn open_support_chat(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The user's id, or `me`.")] user_id: ID,
    ) -> Result<SupportChatAccess> {
        let (app, base) = (ctx.app()?, ctx.base_url()?);
        let access = support::open_chat(app, &ctx.viewer(), user_ref(&user_id), base).await?;
        Ok(SupportChatAccess(access))
    }

    /// Says something in a user's support chat: the user as the user, an admin in another's
    /// chat as a supporter. It is stored before anybody gets it. `FORBIDDEN` for a user in
    /// anybody else's chat; `BAD_USER_INPUT` for a blank text, or one too long; `CONFLICT` for a
    /// `clientId` that the caller used in another conversation.
    async fn send_support_message(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose chat: the user's id, or `me`.")] user_id: ID,
        #[graphql(desc = "The text: kept as typed, not blank, at most 4000 characters.")]
        message: String,
        #[graphql(
            desc = "A key of the client's own, at most 64 characters, as a UUID. Sent again \
                    with the same key, it is the same message, so a client that did not hear \
                    back can safely try again."
        )]
        client_id: Option<String>,
    ) -> Result<ChatMessage> {
        let (app, subject) = (ctx.app()?, user_ref(&user_id));
        let viewer = ctx.viewer();
        support::send(app, &viewer, subject, message, client_id, ctx.origin())
            .await
            .map(ChatMessage::from)
    }

    /// Gives back messages that a transport handed to the caller's connection and that cannot
    /// have arrived, because the connection broke. Whoever of the caller's side is connected and
    /// has not had them gets them at once, else they wait for the next connection. Ids of other
    /// messages are passed over. `BAD_USER_INPUT` for more than 1000.
    async fn return_support_messages(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The messages' ids, at most 1000.")] ids: Vec<ID>,
    ) -> Result<bool> {
        let ids: Vec<i64> = ids.iter().filter_map(|id| parse_id(id)).collect();
        support::give_back(ctx.app()?, &ctx.viewer(), &ids).await?;
        Ok(true)
    }

    /// Ends a chat session; what is said next begins another. The user may, and an admin where
    /// it is with support. Ending an ended one changes nothing. `NOT_FOUND` where it does not
    /// exist, or is not the caller's to end.
    async fn end_chat_session(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The session's id.")] id: ID,
    ) -> Result<ChatSession> {
        let id = scalars::id(&id, Noun::ChatSession)?;
        Ok(support::end(ctx.app()?, &ctx.viewer(), id).await?.into())
    }
}

/// Following the support chat.
#[derive(Default)]
pub struct SupportSubscriptions;

#[Subscription]
impl SupportSubscriptions {
    /// A user's support chat as it goes on, both sides' messages. Without `after` it begins
    /// with what the caller's side (the user, or the supporters) has not got yet; with it, with
    /// everything after that message, oldest first. No gap and no duplicate. For the user, who
    /// counts as online meanwhile, and for admins. It does not complete by itself.
    ///
    /// Over the WebSocket, a message counts as delivered once the client has answered the ping
    /// that follows it, as WebSocket libraries do by themselves; what was lost with a broken
    /// connection comes again with the next. Over server-sent events it counts as delivered once it
    /// is on its way, so a client whose connection broke says in `after` what it has.
    ///
    /// Ends with `UNAUTHENTICATED` or `FORBIDDEN` when the login session does, or when an admin
    /// is no longer one.
    async fn support_messages(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The user's id, or `me`.")] user_id: ID,
        #[graphql(desc = "The id of the last message the client has; `0` for everything.")]
        after: Option<ID>,
        #[graphql(
            desc = "Whether what is sent over the same connection comes back, too.",
            default = true
        )]
        echo: bool,
    ) -> Result<impl Stream<Item = async_graphql::Result<ChatMessage>> + use<>> {
        let after = after
            .map(|id| match id.as_str() {
                "0" => Ok(0),
                id => parse_id(id).ok_or(Error::field("after", Problem::NotInteger)),
            })
            .transpose()?;
        let following = Following {
            after,
            without_echo: ctx.origin().filter(|_| !echo),
            arrivals: ctx.arrivals(),
        };
        let (app, subject) = (ctx.app()?, user_ref(&user_id));
        let messages = support::room(app, &ctx.viewer(), subject, following).await?;
        ctx.listening();
        Ok(messages.map(|message| Ok(message?.into())))
    }

    /// What an admin who gives support wants to know: who is online now, then users' messages
    /// that no admin has got yet, oldest first, then what happens. No gap and no duplicate. For
    /// admins.
    ///
    /// Ends with `UNAUTHENTICATED` or `FORBIDDEN` when the login session does, or when the
    /// caller is no longer an admin.
    async fn support_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Whether what admins say comes, too, except over the same connection.",
            default = true
        )]
        colleagues: bool,
    ) -> Result<impl Stream<Item = async_graphql::Result<SupportEvent>> + use<>> {
        let (app, origin) = (ctx.app()?, ctx.origin());
        let events = support::desk(app, &ctx.viewer(), colleagues, origin, ctx.arrivals()).await?;
        ctx.listening();
        Ok(events.map(|event| Ok(event?.into())))
    }
}
