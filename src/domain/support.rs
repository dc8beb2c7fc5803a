//! The support chat: a person talks to human supporters, who are the admins.
//!
//! Each person has one room. What is said in it is stored in chat sessions, one after the
//! other, of which at most one is open. Ids rise in the order of the commits of a room, because
//! writers take their turn there; that is what every reader below builds on.

mod deliveries;
mod desk;
mod feed;
mod messages;
mod presence;
mod room;
mod rooms;
mod sessions;
mod tickets;

pub use deliveries::{give_back, settle};
pub use desk::{DeskEvent, desk};
pub use messages::{Message, send};
pub use presence::{Connection, Presence};
pub use room::{Following, room};
pub use rooms::Rooms;
pub use sessions::{assistant_chats, current, end, inbox};
pub use tickets::{Access, open_chat, redeem};
