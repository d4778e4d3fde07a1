// Drives the official TypeScript SDK of the first generation.
//
// usage: node sdk.mjs legacy

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';

import { Session, run, versionOf } from './driver.mjs';

const VERSION = versionOf('@modelcontextprotocol/sdk');

class SdkSession extends Session {
    codeOfACancelledCall = -32001;

    constructor({ command, url }, forms) {
        super();
        const capabilities = forms ? { elicitation: {} } : {};
        this.client = new Client({ name: 'sdk', version: VERSION }, { capabilities });
        if (forms) {
            const show = ({ params }) => this.fillIn(params);
            this.client.setRequestHandler(ElicitRequestSchema, show);
        }
        if (url) {
            this.transport = new StreamableHTTPClientTransport(new URL(url));
        } else {
            const [program, ...args] = command;
            this.transport = new StdioClientTransport({ command: program, args });
        }
    }

    async connect() {
        let protocol;
        const { transport } = this;
        const set = transport.setProtocolVersion?.bind(transport);
        // The client tells its transport alone.
        transport.setProtocolVersion = (version) => {
            protocol = version;
            set?.(version);
        };
        await this.client.connect(this.transport);
        return { protocol };
    }

    ask(tool, given, options) {
        return this.client.callTool({ name: tool, arguments: given }, undefined, options);
    }
}

await run(
    `sdk ${VERSION}`,
    [
        'direct replies',
        'forms',
        'one session',
        'calls without a token',
        'progress',
        'cancel',
        'questions in requests',
    ],
    (...given) => new SdkSession(...given),
);
