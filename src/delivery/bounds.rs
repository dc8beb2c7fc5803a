//! How long one try to send may take, whatever it waits for.

use std::time::Duration;

use tokio::time::timeout;

use super::Failure;
use super::smtp::Refusal;
use crate::app::App;
use crate::links;

/// How long one try may take altogether. Mails and SMS end long before; this is for what has no bound
/// of its own, as a disk that hangs: its row would be renewed for ever, and sent by nobody.
pub(super) const TRY: Duration = Duration::from_secs(60);
/// How long a message waits for the key that signs its links, before it goes without them.
const SIGNED: Duration = Duration::from_secs(3);

/// What came of a try, or that nothing did in time. The recipient may have the message all the same.
pub(super) async fn one_try<T>(
    sending: impl Future<Output = Result<T, Refusal>>,
) -> Result<T, Refusal> {
    within(TRY, sending).await
}

async fn within<T>(
    limit: Duration,
    sending: impl Future<Output = Result<T, Refusal>>,
) -> Result<T, Refusal> {
    timeout(limit, sending)
        .await
        .unwrap_or(Err(Refusal::Unknown(Failure::Timeout)))
}

/// A signed link, where one is wanted. Without one rather than not at all: a message tells what
/// matters without it.
pub(super) async fn link_of(
    app: &App,
    purpose: links::Purpose,
    id: i64,
    wanted: bool,
) -> Option<String> {
    if !wanted {
        return None;
    }
    match timeout(SIGNED, app.links.link(&app.db, purpose, id)).await {
        Ok(Ok(link)) => link,
        Ok(Err(error)) => {
            tracing::error!(notification = id, %error, "a message goes out without its link");
            None
        }
        Err(_) => {
            tracing::error!(
                notification = id,
                "a message goes out without its link: the database does not answer"
            );
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_try_without_an_end_is_made_again() {
        let hanging = std::future::pending::<Result<(), Refusal>>();
        assert_eq!(
            within(Duration::ZERO, hanging).await,
            Err(Refusal::Unknown(Failure::Timeout))
        );
        assert_eq!(one_try(async { Ok(7) }).await, Ok(7));
    }
}
