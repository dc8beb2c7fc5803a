// Builds the page at /graphiql into dist/: every file that a browser may cache is named after its
// content. The server embeds what lies there (build.rs in the folder above).
import { createHash } from 'node:crypto';
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { buildSchema, parse, validate } from 'graphql';
import { examples } from './src/examples.js';

const here = fileURLToPath(new URL('.', import.meta.url));
const dist = join(here, 'dist');
const fonts = join(here, 'node_modules/.fonts');

// An example that doesn't fit the schema any more fails the build.
const schema = buildSchema(await readFile(join(here, '../schema.graphql'), 'utf8'));
for (const { title, query } of examples.flatMap((group) => group.examples)) {
  const errors = validate(schema, parse(query));
  if (errors.length > 0) throw new Error(`the example "${title}": ${errors.join('\n')}`);
}

for (const name of await readdir(dist)) {
  if (name !== '.gitignore') await rm(join(dist, name), { recursive: true });
}
await mkdir(fonts, { recursive: true });

/** What GraphiQL's packages ship in a form that this page can't use as it is. */
const adapt = {
  name: 'adapt',
  setup({ onLoad }) {
    // The style sheet of GraphiQL holds that of Monaco already.
    onLoad({ filter: /monaco-editor[\\/]esm[\\/].*\.css$/ }, () => ({ contents: '', loader: 'css' }));
    // Fonts within the style sheet become files, so that the policy needs no `font-src data:`.
    onLoad({ filter: /graphiql[\\/]dist[\\/]style\.css$/ }, async ({ path }) => {
      const parts = (await readFile(path, 'utf8')).split(
        /url\(["']?data:font\/([a-z0-9]+);(?:charset=[^;]*;)?base64,([^"')]+)["']?\)/,
      );
      let contents = parts[0];
      for (let index = 1; index < parts.length; index += 3) {
        const bytes = Buffer.from(parts[index + 1], 'base64');
        const name = `font${(index - 1) / 3}.${parts[index]}`;
        await writeFile(join(fonts, name), bytes);
        contents += `url("${join(fonts, name)}")${parts[index + 2]}`;
      }
      return { contents, loader: 'css' };
    });
  },
};

const common = {
  absWorkingDir: here,
  outdir: dist,
  bundle: true,
  minify: true,
  metafile: true,
  legalComments: 'none',
  target: ['chrome111', 'firefox114', 'safari16.4'],
  entryNames: '[name]-[hash]',
  chunkNames: 'part-[hash]',
  assetNames: '[name]-[hash]',
  loader: { '.ttf': 'file', '.woff': 'file', '.woff2': 'file' },
  plugins: [adapt],
  logLevel: 'warning',
};

/** Every file that is in a bundle. */
const inputs = new Set();

/** The names of what was built, by entry point. */
const entries = ({ metafile }) => {
  for (const output of Object.values(metafile.outputs)) {
    for (const [input, { bytesInOutput }] of Object.entries(output.inputs)) if (bytesInOutput > 0) inputs.add(input);
  }
  return Object.fromEntries(
    Object.entries(metafile.outputs)
      .filter(([, output]) => output.entryPoint)
      .map(([path, output]) => [output.entryPoint, { script: basename(path), style: basename(output.cssBundle ?? '') }]),
  );
};

const workers = {
  editor: 'node_modules/monaco-editor/esm/vs/editor/editor.worker.js',
  graphql: 'node_modules/monaco-graphql/esm/graphql.worker.js',
  json: 'node_modules/monaco-editor/esm/vs/language/json/json.worker.js',
};
const built = entries(await build({ ...common, entryPoints: Object.values(workers), format: 'iife' }));
const names = Object.entries(workers).map(([label, entry]) => [label, built[entry].script]);
const page = entries(
  await build({
    ...common,
    entryPoints: ['src/main.jsx'],
    format: 'esm',
    splitting: true,
    jsx: 'automatic',
    define: {
      'process.env.NODE_ENV': '"production"',
      WORKERS: JSON.stringify(Object.fromEntries(names)),
    },
  }),
)['src/main.jsx'];

/** The licences of what is in the bundles, which ask to go along with it. */
const packages = new Set();
for (const input of inputs) packages.add(/^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1]);
packages.delete(undefined);
packages.delete('.fonts');
const notices = [
  'The fonts: Roboto (Google, Apache License 2.0), Fira Code (The Fira Code Project Authors, SIL Open Font\n' +
    'License 1.1), codicon (Microsoft, CC BY 4.0). Their files hold their notices.\n',
];
for (const name of [...packages].sort()) {
  const folder = join(here, 'node_modules', name);
  const { version, license } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
  const files = (await readdir(folder)).filter((file) => /^(licen[cs]e|notice|thirdpartynotices)/i.test(file)).sort();
  const texts = await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8')));
  notices.push(`${name} ${version}: ${license}\n\n${texts.join('\n\n')}`.trimEnd() + '\n');
}
const notice = notices.join(`\n${'-'.repeat(80)}\n\n`);
const licenses = `licenses-${createHash('sha256').update(notice).digest('hex').slice(0, 8)}.txt`;
await writeFile(join(dist, licenses), notice);

// Fonts are compressed already; the page differs from one request to the next.
let [plain, packed] = [0, 0];
for (const name of await readdir(dist)) {
  if (!/\.(js|css|txt)$/.test(name)) continue;
  const bytes = await readFile(join(dist, name));
  const gzip = gzipSync(bytes, { level: 9 });
  await writeFile(join(dist, `${name}.gz`), gzip);
  plain += bytes.length;
  packed += gzip.length;
}
// Last, because without it the rest is not there.
const html = (await readFile(join(here, 'src/index.html'), 'utf8'))
  .replace('{script}', page.script)
  .replace('{style}', page.style)
  .replace('{licenses}', licenses);
await writeFile(join(dist, 'index.html'), html);
console.log(`web/dist: scripts and texts of ${plain >> 10} KiB, ${packed >> 10} KiB compressed`);
