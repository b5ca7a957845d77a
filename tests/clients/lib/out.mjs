// Where a run leaves its logs and its matrix. Two runs at once need two places.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const directory = process.env.CLIENTS_OUT ?? fileURLToPath(new URL('../out', import.meta.url));
mkdirSync(directory, { recursive: true });

export const out = (name) => join(directory, name);
