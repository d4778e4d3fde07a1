// Drives the official TypeScript SDK of the first generation.
//
// usage: node sdk.mjs legacy

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';

import { Session, run, versionOf } from './driver.mjs';

const VERSION = versionOf('@modelcontextprotocol/sdk');

class SdkSession extends Session {
    codeOfACancelledCall = -32001;

    constructor([command, ...args], forms) {
        super();
        const capabilities = forms ? { elicitation: {} } : {};
        this.client = new Client({ name: 'sdk', version: VERSION }, { capabilities });
        if (forms) {
            const show = ({ params }) => this.fillIn(params);
            this.client.setRequestHandler(ElicitRequestSchema, show);
        }
        this.transport = new StdioClientTransport({ command, args });
    }

    async connect() {
        let protocol;
        // The client tells its transport alone.
        this.transport.setProtocolVersion = (version) => {
            protocol = version;
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
        'calls without a token',
        'progress',
        'cancel',
        'questions in requests',
    ],
    (...given) => new SdkSession(...given),
);
