// A server on the second generation of the official TypeScript SDK: MCP 2026-07-28, without tasks.

import { createServer } from 'node:http';

import { McpServer, acceptedContent, createMcpHandler, inputRequired } from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { z } from 'zod';

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const text = (value) => ({ content: [{ type: 'text', text: value }] });

function make() {
    const server = new McpServer({ name: 'server', version: '1' }, { capabilities: { tools: {} } });

    const tool = (name, fields, body) =>
        server.registerTool(name, { inputSchema: z.object(fields) }, async (args, context) => {
            const token = context.mcpReq._meta?.progressToken;
            const say = async (progress, total, message) => {
                if (token !== undefined) {
                    const params = { progressToken: token, progress, total, message };
                    await context.mcpReq.notify({ method: 'notifications/progress', params });
                }
            };
            return body(args, say, context);
        });

    tool('echo', { text: z.string() }, ({ text: value }) => text(value));

    tool('work', { steps: z.number() }, async ({ steps }, say) => {
        for (let step = 1; step <= steps; step++) {
            await pause(50);
            await say(step, steps, `step ${step}`);
        }
        return { ...text(JSON.stringify({ steps })), structuredContent: { steps } };
    });

    tool('fail', {}, async () => ({ ...text('as it was asked to'), isError: true }));

    tool('endless', {}, async (_args, say, context) => {
        for (let step = 1; !context.mcpReq.signal.aborted; step++) {
            await say(step, undefined, `step ${step}`);
            await pause(50);
        }
        return text('stopped');
    });

    tool('die', {}, async () => {
        await pause(200);
        process.exit(1);
    });

    tool('ask', {}, async (_args, _say, context) => {
        const answered = acceptedContent(context.mcpReq.inputResponses, 'who');
        if (answered) {
            return text(`hello ${answered.value}`);
        }
        const requestedSchema = {
            type: 'object',
            properties: { value: { type: 'string' } },
            required: ['value'],
        };
        return inputRequired({
            inputRequests: { who: inputRequired.elicit({ message: 'who?', requestedSchema }) },
            requestState: 'asked',
        });
    });

    return server;
}

// Over HTTP at a port, if there is one.
if (process.argv.length > 2) {
    const port = Number(process.argv[2]);
    const handler = createMcpHandler(make);
    const serve = async (incoming, outgoing) => {
        const gone = new AbortController();
        outgoing.on('close', () => gone.abort());
        const { method, headers } = incoming;
        const body = method === 'POST' ? await incoming.reduce((all, part) => all + part, '') : undefined;
        const url = `http://127.0.0.1:${port}${incoming.url}`;
        const response = await handler.fetch(new Request(url, { method, headers, body, signal: gone.signal }));
        outgoing.writeHead(response.status, Object.fromEntries(response.headers));
        outgoing.flushHeaders();
        for await (const part of response.body ?? []) {
            outgoing.write(part);
        }
        outgoing.end();
    };
    const http = createServer((incoming, outgoing) => serve(incoming, outgoing).catch(() => outgoing.destroy()));
    http.listen(port, '127.0.0.1');
} else {
    serveStdio(make);
}
