// What HTTP asks of the headers of a request (MCP 2026-07-28), which a server on stdio never sees.

const MISMATCH = -32020;
const VERSION = 'io.modelcontextprotocol/protocolVersion';

// Which part of a request's parameters `Mcp-Name` says.
const NAMED_BY = {
    'tools/call': 'name',
    'prompts/get': 'name',
    'resources/read': 'uri',
    'tasks/get': 'taskId',
    'tasks/update': 'taskId',
    'tasks/cancel': 'taskId',
};

// What is wrong with the headers of a request, if anything is. `schemaOf` asks for the schema of a tool.
export async function mismatch(headers, { method, params }, schemaOf) {
    const version = params?._meta?.[VERSION];
    const wrong =
        differs(headers, 'mcp-protocol-version', version ?? headers['mcp-protocol-version']) ??
        differs(headers, 'mcp-method', method) ??
        (method in NAMED_BY ? differs(headers, 'mcp-name', params?.[NAMED_BY[method]]) : undefined) ??
        (method === 'tools/call' ? await ofArguments(headers, params, schemaOf) : undefined);
    return wrong && { code: MISMATCH, message: wrong };
}

// The HTTP status of a request that is answered with an error and nothing else.
export function statusOf({ code }) {
    if (code === -32601) return 404;
    return code === -32602 || (code >= -32022 && code <= -32020) ? 400 : 200;
}

function differs(headers, name, value) {
    const header = headers[name];
    if (header === undefined) return `the header ${name} is missing`;
    return header === value ? undefined : `the header ${name} is ${header} and the body says ${value}`;
}

// `Mcp-Param-*`: the arguments that a tool wants in headers, too (`x-mcp-header`).
async function ofArguments(headers, { name, arguments: given = {} }, schemaOf) {
    const properties = Object.entries((await schemaOf(name))?.properties ?? {});
    for (const [argument, { 'x-mcp-header': suffix }] of properties) {
        if (suffix === undefined) continue;
        const [value, header] = [given[argument] ?? undefined, headers[`mcp-param-${suffix.toLowerCase()}`]];
        if (value === undefined && header === undefined) continue;
        if (header === undefined || decoded(header) !== String(value)) {
            return `the header of the argument ${argument} is ${header} and its value is ${value}`;
        }
    }
}

function decoded(header) {
    const encoded = /^=\?base64\?(.*)\?=$/.exec(header)?.[1];
    if (encoded === undefined) return header;
    const bytes = Buffer.from(encoded, 'base64');
    // Node skips what is not base64.
    return bytes.toString('base64') === encoded ? bytes.toString() : undefined;
}
