//! The content types that are passed on as they are, and what they are made of.

pub use rmcp::model::{
    AudioContent, CallToolResult, ContentBlock, EmbeddedResource, ErrorCode, ErrorData,
    ImageContent, Resource, ResourceContents, TextContent,
};

use std::any::{Any, TypeId};

/// Whether a type is one of the content types of rmcp, whose schema says nothing about a tool.
pub(super) fn is_content(id: TypeId) -> bool {
    id == TypeId::of::<CallToolResult>()
        || id == TypeId::of::<Vec<ContentBlock>>()
        || id == TypeId::of::<ContentBlock>()
        || id == TypeId::of::<TextContent>()
        || id == TypeId::of::<ImageContent>()
        || id == TypeId::of::<AudioContent>()
        || id == TypeId::of::<EmbeddedResource>()
        || id == TypeId::of::<Resource>()
}

/// The reply that a value of one of the content types of rmcp stands for.
pub(super) fn reply(value: &dyn Any) -> Option<CallToolResult> {
    if let Some(reply) = value.downcast_ref::<CallToolResult>() {
        return Some(reply.clone());
    }
    let blocks = if let Some(blocks) = value.downcast_ref::<Vec<ContentBlock>>() {
        blocks.clone()
    } else if let Some(block) = value.downcast_ref::<ContentBlock>() {
        vec![block.clone()]
    } else if let Some(text) = value.downcast_ref::<TextContent>() {
        vec![ContentBlock::Text(text.clone())]
    } else if let Some(image) = value.downcast_ref::<ImageContent>() {
        vec![ContentBlock::Image(image.clone())]
    } else if let Some(audio) = value.downcast_ref::<AudioContent>() {
        vec![ContentBlock::Audio(audio.clone())]
    } else if let Some(link) = value.downcast_ref::<Resource>() {
        vec![ContentBlock::ResourceLink(link.clone())]
    } else {
        vec![ContentBlock::Resource(value.downcast_ref::<EmbeddedResource>()?.clone())]
    };
    Some(CallToolResult::success(blocks))
}
