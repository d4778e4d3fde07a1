//! Any transport of rmcp's behind one concrete type, so that rmcp's loop is compiled once, here, and
//! not again in every user's crate.

use std::fmt;

use rmcp::service::{RxJsonRpcMessage, ServiceRole, TxJsonRpcMessage};
use rmcp::transport::Transport;

use crate::log::Boxed;

/// An error of a transport, whatever its type.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
#[cfg_attr(not(feature = "client"), expect(unreachable_pub, reason = "the client names it"))]
pub struct AnyError(Box<dyn std::error::Error + Send + Sync>);

trait DynTransport<R: ServiceRole>: Send {
    fn send(&mut self, message: TxJsonRpcMessage<R>) -> Boxed<'static, Result<(), AnyError>>;
    fn receive(&mut self) -> Boxed<'_, Option<RxJsonRpcMessage<R>>>;
    fn close(&mut self) -> Boxed<'_, Result<(), AnyError>>;
}

impl<R: ServiceRole, T: Transport<R>> DynTransport<R> for T {
    fn send(&mut self, message: TxJsonRpcMessage<R>) -> Boxed<'static, Result<(), AnyError>> {
        // The synchronous part runs now: it is what keeps a transport's order.
        let sent = Transport::send(self, message);
        Box::pin(async move { sent.await.map_err(|error| AnyError(error.into())) })
    }

    fn receive(&mut self) -> Boxed<'_, Option<RxJsonRpcMessage<R>>> {
        Box::pin(Transport::receive(self))
    }

    fn close(&mut self) -> Boxed<'_, Result<(), AnyError>> {
        Box::pin(
            async move { Transport::close(self).await.map_err(|error| AnyError(error.into())) },
        )
    }
}

/// A transport whose type was forgotten.
pub(crate) struct Erased<R: ServiceRole>(Box<dyn DynTransport<R>>);

impl<R: ServiceRole> fmt::Debug for Erased<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Erased")
    }
}

impl<R: ServiceRole> Erased<R> {
    pub(crate) fn new(transport: impl Transport<R> + 'static) -> Self {
        Self(Box::new(transport))
    }
}

impl<R: ServiceRole> Transport<R> for Erased<R> {
    type Error = AnyError;

    fn send(
        &mut self,
        message: TxJsonRpcMessage<R>,
    ) -> impl Future<Output = Result<(), AnyError>> + Send + 'static {
        self.0.send(message)
    }

    fn receive(&mut self) -> impl Future<Output = Option<RxJsonRpcMessage<R>>> + Send {
        self.0.receive()
    }

    fn close(&mut self) -> impl Future<Output = Result<(), AnyError>> + Send {
        self.0.close()
    }
}
