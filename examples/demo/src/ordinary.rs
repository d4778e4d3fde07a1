//! The same server as most are: by hand on rmcp, and a call is answered when it is done.

use std::sync::Arc;

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ErrorData, JsonObject,
    ListToolsResult, PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::{RoleServer, ServerHandler, ServiceExt as _};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::fleet::{Fleet, MACHINES};

struct Ordinary {
    fleet: Fleet,
}

#[derive(Deserialize)]
struct Deploy {
    service: String,
    version: String,
}

#[derive(Deserialize)]
struct Version {
    service: String,
}

impl Ordinary {
    async fn deploy(&self, Deploy { service, version }: Deploy) -> Result<String, String> {
        for machine in 1..=MACHINES {
            self.fleet.install(&service, &version, machine).await?;
        }
        Ok(self.fleet.version(&service))
    }
}

impl ServerHandler for Ordinary {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(vec![
            tool("deploy", "Deploys a version of a service.", &["service", "version"]),
            tool("version", "Says which version of a service runs.", &["service"]),
        ]))
    }

    async fn call_tool(
        &self,
        call: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let outcome = match &*call.name {
            "deploy" => self.deploy(arguments(call.arguments)?).await,
            "version" => {
                let Version { service } = arguments(call.arguments)?;
                Ok(self.fleet.version(&service))
            }
            name => return Err(ErrorData::invalid_params(format!("unknown tool `{name}`"), None)),
        };
        let reply = match outcome {
            Ok(result) => CallToolResult::success(vec![ContentBlock::text(result)]),
            Err(error) => CallToolResult::error(vec![ContentBlock::text(error)]),
        };
        Ok(reply.into())
    }
}

fn arguments<T: serde::de::DeserializeOwned>(given: Option<JsonObject>) -> Result<T, ErrorData> {
    serde_json::from_value(Value::Object(given.unwrap_or_default()))
        .map_err(|error| ErrorData::invalid_params(error.to_string(), None))
}

fn tool(name: &'static str, description: &'static str, keys: &[&'static str]) -> Tool {
    let properties = keys.iter().map(|&key| (key.to_owned(), json!({"type": "string"})));
    let schema = json!({
        "type": "object",
        "properties": properties.collect::<JsonObject>(),
        "required": keys.to_vec(),
    });
    let Value::Object(schema) = schema else { unreachable!("it was written as one") };
    Tool::new(name, description, Arc::new(schema))
}

/// Serves stdin and stdout, so many times as fast as in life.
pub(crate) async fn serve(speed: u32) -> Result<(), Box<dyn std::error::Error>> {
    let server = Ordinary { fleet: Fleet::new(speed) };
    server.serve(rmcp::transport::stdio()).await?.waiting().await?;
    Ok(())
}
