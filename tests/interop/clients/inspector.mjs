// Drives the command line of the MCP Inspector, which makes a session of each call.
//
// usage: node inspector.mjs modern|legacy

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { Session, run, versionOf } from './driver.mjs';

const MODE = process.argv[2];
const INSPECTOR = '@modelcontextprotocol/inspector';
const PROGRAM = `node_modules/${INSPECTOR}/clients/launcher/build/index.js`;
const COMMAND = [fileURLToPath(new URL(PROGRAM, import.meta.url)), '--cli'];
// It asks for no progress either, but takes seconds to start, which no check allows that is about that.
const ABILITIES = { modern: [], legacy: ['direct replies'] };

class InspectorSession extends Session {
    constructor({ url }) {
        super();
        this.url = url;
    }

    async connect() {
        return { protocol: (await this.do('initialize')).protocolVersion };
    }

    async list_tools() {
        return { tools: (await this.do('tools/list')).tools.map((tool) => tool.name) };
    }

    async call({ tool, arguments: given }) {
        const args = ['--tool-name', tool, '--tool-args-json', JSON.stringify(given)];
        return { result: await this.do('tools/call', ...args) };
    }

    async close() {
        return {};
    }

    do(method, ...more) {
        const where = [this.url, '--transport', 'http', '--protocol-era', MODE];
        const how = ['--format', 'json', '--quiet', '--method', method, ...more];
        return new Promise((resolve, reject) => {
            // It ends with a status of its own if the result is an error.
            execFile(process.execPath, [...COMMAND, ...where, ...how], (error, stdout, stderr) => {
                if (stdout.trim()) {
                    resolve(JSON.parse(stdout).result);
                } else {
                    reject(error ?? new Error(stderr));
                }
            });
        });
    }
}

await run(
    `inspector ${versionOf(INSPECTOR)}`,
    ABILITIES[MODE],
    (...given) => new InspectorSession(...given),
);
