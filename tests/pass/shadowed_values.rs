//! Values and parameters of the user's that are called like something in the generated code.

#![allow(non_upper_case_globals, non_snake_case)]

const slots: u8 = 1;
const returns: u8 = 2;
static body: u8 = 3;
static settings: u8 = 4;

#[mcpc::tool]
async fn parameter(slots_: u8, returns_: u8, inputs: u8, Some_: u8, error: u8) -> u8 {
    slots + returns + body + settings + slots_ + returns_ + inputs + Some_ + error
}

#[mcpc::tool]
async fn definition(definition: String, tool: String, mcpc: String, core: String) -> String {
    format!("{definition}{tool}{mcpc}{core}")
}

#[mcpc::tool]
async fn name(name: Option<String>, title: Option<String>) -> bool {
    name == title
}

pub fn main() {
    let _ = mcpc::tools![parameter, definition, name];
}
