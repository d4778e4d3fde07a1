// A server on the first generation of the official TypeScript SDK, with the tasks of MCP 2025-11-25.

import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';

import { InMemoryTaskMessageQueue, InMemoryTaskStore } from '@modelcontextprotocol/sdk/experimental/tasks/stores/in-memory.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { ElicitResultSchema } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const text = (value) => ({ content: [{ type: 'text', text: value }] });

const tasks = { list: {}, cancel: {}, requests: { tools: { call: {} } } };
const server = new McpServer(
    { name: 'sdk', version: '1' },
    {
        capabilities: { tools: {}, tasks },
        taskStore: new InMemoryTaskStore(),
        taskMessageQueue: new InMemoryTaskMessageQueue(),
    },
);

server.registerTool('echo', { inputSchema: { text: z.string() } }, ({ text: value }) => text(value));

// A tool whose body is run beside the call, and says what it does.
function task(name, inputSchema, body) {
    const config = { inputSchema, execution: { taskSupport: 'required' } };
    server.experimental.tasks.registerToolTask(name, config, {
        async createTask(args, extra) {
            const created = await extra.taskStore.createTask({ ttl: null, pollInterval: 100 });
            run(created.taskId, args, extra, body).catch(() => {});
            return { task: created };
        },
        getTask: (_args, extra) => extra.taskStore.getTask(extra.taskId),
        getTaskResult: (_args, extra) => extra.taskStore.getTaskResult(extra.taskId),
    });
}

async function run(taskId, args, extra, body) {
    const say = (message) => extra.taskStore.updateTaskStatus(taskId, 'working', message);
    try {
        const result = await body(args, say, { taskId, extra });
        await extra.taskStore.storeTaskResult(taskId, 'completed', result);
    } catch (error) {
        const result = { ...text(error.message), isError: true };
        await extra.taskStore.storeTaskResult(taskId, 'failed', result);
    }
}

task('work', { steps: z.number() }, async ({ steps }, say) => {
    for (let step = 1; step <= steps; step++) {
        await pause(300);
        await say(`step ${step}`);
    }
    return { ...text(JSON.stringify({ steps })), structuredContent: { steps } };
});

task('fail', {}, async () => {
    await pause(200);
    throw new Error('as it was asked to');
});

task('endless', {}, async (_args, say) => {
    for (let step = 1; ; step++) {
        await say(`step ${step}`);
        await pause(200);
    }
});

task('die', {}, async () => {
    await pause(500);
    process.exit(1);
});

task('ask', {}, async (_args, say, { taskId, extra }) => {
    const requestedSchema = {
        type: 'object',
        properties: { value: { type: 'string' } },
        required: ['value'],
    };
    const params = { mode: 'form', message: 'who?', requestedSchema };
    await extra.taskStore.updateTaskStatus(taskId, 'input_required');
    const request = { method: 'elicitation/create', params };
    const answer = await extra.sendRequest(request, ElicitResultSchema, { relatedTask: { taskId } });
    await say('answered');
    return text(answer.action === 'accept' ? `hello ${answer.content.value}` : answer.action);
});

// Over HTTP at a port, if there is one, for one client.
if (process.argv.length > 2) {
    const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: () => randomUUID() });
    await server.connect(transport);
    const http = createServer((request, response) => transport.handleRequest(request, response));
    http.listen(Number(process.argv[2]), '127.0.0.1');
} else {
    await server.connect(new StdioServerTransport());
}
