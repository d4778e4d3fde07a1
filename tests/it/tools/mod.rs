//! Tools as values: lists that are changed, tools that are made at run time, that come and go, those of a handler, and
//! what is around every call.

mod around;
mod changes;
mod dynamic;
mod schemas;
mod theirs;
mod values;
