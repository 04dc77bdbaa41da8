// Builds dist/site (the page) and dist/tasks.zip (the project with its function), the way an app of 2017 was built: SDKs from
// npm: Cognito's as the scripts it ships, aws4 bundled with the node modules it expects.
import { build } from 'esbuild';
import { zipSync } from 'fflate';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
rmSync('dist', { recursive: true, force: true });
mkdirSync('dist/site', { recursive: true });
for (const file of ['index.html', 'style.css']) cpSync(`web/${file}`, `dist/site/${file}`);
for (const file of ['aws-cognito-sdk.min.js', 'amazon-cognito-identity.min.js']) {
  cpSync(require.resolve(`amazon-cognito-identity-js/dist/${file}`), `dist/site/${file}`);
}

await build({
  entryPoints: ['web/app.js'],
  outfile: 'dist/site/app.js',
  bundle: true,
  minify: true,
  platform: 'browser',
  target: 'es2018',
  define: { global: 'globalThis' },
  inject: ['web/shims.js'],
  alias: {
    crypto: './web/crypto.js',
    querystring: require.resolve('querystring-es3'),
    stream: require.resolve('stream-browserify'),
    buffer: require.resolve('buffer/'),
    events: require.resolve('events/'),
    url: require.resolve('url/'),
  },
  logLevel: 'warning',
});

// Fixed times, so that the same sources give the same archive.
const when = { mtime: new Date('2017-06-01T00:00:00Z') };
const entry = (text) => [text, when];
const archive = zipSync({ 'index.js': entry(readFileSync('function/index.js')) });
writeFileSync('dist/tasks.zip', zipSync({
  'mobile-hub-project.yml': entry(readFileSync('mobile-hub-project.yml')),
  'uploads/lambda-archive.zip': entry(archive),
}));
