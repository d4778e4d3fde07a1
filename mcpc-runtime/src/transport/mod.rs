//! How messages leave and arrive: our own transport for lines of JSON, and a wrapper for any other
//! transport of rmcp's.
//!
//! Both put a [`Gate`] into the extensions of every `tools/call` they read, and open it right behind
//! the reply.

mod erased;
mod gates;
mod lines;
mod wrapped;

pub(crate) use erased::Erased;
pub(crate) use lines::{Lines, Reader, Writer};
pub(crate) use wrapped::Wrapped;

use std::convert::Infallible;

use rmcp::RoleServer;
use rmcp::model::{ClientJsonRpcMessage, ServerJsonRpcMessage};
use rmcp::transport::Transport;

use crate::log::Boxed;

/// What a transport waits for when no more calls come: the tasks of the connection, for a while.
pub(crate) type End = Boxed<'static, ()>;

/// Any of the transports, as one type: rmcp's loop is compiled once per type of transport, and takes
/// its time.
#[derive(Debug)]
pub(crate) enum AnyTransport {
    Lines(Lines),
    Wrapped(Wrapped),
}

impl Transport<RoleServer> for AnyTransport {
    type Error = Infallible;

    fn send(
        &mut self,
        message: ServerJsonRpcMessage,
    ) -> impl Future<Output = Result<(), Infallible>> + Send + 'static {
        // Only the synchronous part of `send` keeps its order, so pushing is all there is to it.
        match self {
            Self::Lines(lines) => lines.send(message),
            Self::Wrapped(wrapped) => wrapped.send(message),
        }
        std::future::ready(Ok(()))
    }

    async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        match self {
            Self::Lines(lines) => lines.receive().await,
            Self::Wrapped(wrapped) => wrapped.receive().await,
        }
    }

    async fn close(&mut self) -> Result<(), Infallible> {
        match self {
            Self::Lines(lines) => lines.close().await,
            Self::Wrapped(wrapped) => wrapped.close().await,
        }
        Ok(())
    }
}
