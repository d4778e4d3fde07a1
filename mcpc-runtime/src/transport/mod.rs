//! How messages leave and arrive: our own transport for lines of JSON, and a wrapper for any other
//! transport of rmcp.
//!
//! Both put a [`Gate`] into the extensions of every `tools/call` they read, and open it right after
//! the reply.

mod direct;
mod end;
mod erased;
#[cfg(unix)]
mod hangup;
mod lines;
#[cfg(feature = "http")]
mod posted;
mod process;
mod requests;
mod rmcp_quirks;
mod signals;
mod simple;
#[cfg(unix)]
mod stderr;
mod stdio;
mod wrapped;

pub(crate) use direct::{Answer, Answers};
pub(crate) use end::{End, Ending, Flush, Why};
#[cfg(feature = "client")]
pub use erased::AnyError;
pub(crate) use erased::Erased;
#[cfg(feature = "http-sse")]
pub(crate) use lines::decode;
#[cfg(feature = "http")]
pub(crate) use lines::{Entry, Refusal, ShortRequest, decode_read};
pub(crate) use lines::{Lines, Reader, Writer};
#[cfg(feature = "http")]
pub(crate) use posted::{By, Lent, Post, Posted};
#[cfg(feature = "http")]
pub(crate) use process::{AFTER_THE_RUNTIME, exit_with};
pub(crate) use process::{Process, Watch};
#[cfg(feature = "http")]
pub(crate) use requests::Rest;
pub(crate) use requests::{Intake, ended_before};
pub(crate) use rmcp_quirks::{Subscription, TaskParams};
#[cfg(feature = "http")]
pub(crate) use signals::Signals;
pub(crate) use simple::{Asked, Session};
pub(crate) use stdio::{Stdio, take as take_stdio};
pub(crate) use wrapped::Wrapped;

#[cfg(fuzzing)]
pub(crate) use lines::fuzzing;

use std::borrow::Cow;
use std::convert::Infallible;
use std::sync::Arc;

use rmcp::RoleServer;
use rmcp::model::{ClientJsonRpcMessage, ProtocolVersion, ServerJsonRpcMessage};
use rmcp::transport::Transport;

/// How much a connection may hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// How many bytes a message that is read may have; for a transport of our own.
    pub(crate) message_bytes: usize,
    /// How many bytes of what tasks say may wait to be written.
    pub(crate) queued_bytes: usize,
}

/// The versions of the protocol that a server speaks.
pub(crate) type Versions = Cow<'static, [ProtocolVersion]>;

/// What a transport needs of its connection.
pub(crate) struct Wiring {
    pub(crate) bounds: Bounds,
    pub(crate) versions: Versions,
    pub(crate) end: End,
    pub(crate) intake: Arc<dyn Intake>,
    /// What answers without rmcp's loop, over a transport of our own.
    pub(crate) answers: Arc<dyn Answers>,
}

/// Any of the transports, as one type: rmcp's loop is compiled once per type of transport, and takes
/// its time.
#[derive(Debug)]
pub(crate) enum AnyTransport {
    Lines(Lines),
    Wrapped(Wrapped),
    #[cfg(feature = "http")]
    Posted(Posted),
    #[cfg(feature = "http")]
    Lent(Lent),
}

impl Transport<RoleServer> for AnyTransport {
    type Error = Infallible;

    fn send(
        &mut self,
        message: ServerJsonRpcMessage,
    ) -> impl Future<Output = Result<(), Infallible>> + Send + 'static {
        let requests = match self {
            Self::Lines(lines) => lines.requests(),
            Self::Wrapped(wrapped) => wrapped.requests(),
            #[cfg(feature = "http")]
            Self::Posted(posted) => posted.requests(),
            #[cfg(feature = "http")]
            Self::Lent(lent) => lent.requests(),
        };
        // Only the synchronous part of `send` keeps its order, so pushing is done in it. What nobody
        // asked for waits after that, or a handler that notifies in a loop would fill the memory.
        let unasked = matches!(
            message,
            ServerJsonRpcMessage::Request(_) | ServerJsonRpcMessage::Notification(_)
        );
        requests.send(message);
        let outbox = requests.outbox().clone();
        async move {
            if unasked {
                outbox.reply_room_available().await;
            }
            Ok(())
        }
    }

    async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        match self {
            Self::Lines(lines) => lines.receive().await,
            Self::Wrapped(wrapped) => wrapped.receive().await,
            #[cfg(feature = "http")]
            Self::Posted(posted) => posted.receive().await,
            #[cfg(feature = "http")]
            Self::Lent(lent) => lent.receive().await,
        }
    }

    async fn close(&mut self) -> Result<(), Infallible> {
        match self {
            Self::Lines(lines) => lines.close(),
            Self::Wrapped(wrapped) => wrapped.close().await,
            #[cfg(feature = "http")]
            Self::Posted(posted) => posted.close().await,
            #[cfg(feature = "http")]
            Self::Lent(lent) => lent.close().await,
        }
        Ok(())
    }
}
