// A web site by Node: server.mjs FOLDER ADDRESS TLS12 TLS13 MUTUAL (ports).
import { createReadStream, readFileSync, statSync } from 'node:fs'
import { createSecureServer } from 'node:http2'
import { join } from 'node:path'
import { createBrotliCompress, createGzip } from 'node:zlib'

const [folder, address, tls12, tls13, mutual] = process.argv.slice(2)
const encoders = { br: createBrotliCompress, gzip: createGzip }

function respond(request, response) {
  let path = new URL(request.url, 'https://server').pathname
  if (path === '/moved') return response.writeHead(301, { location: '/' }).end()
  if (path === '/error') return response.writeHead(500).end('an error\n')
  if (path === '/wall') {
    if (!/\bseen=1\b/.test(request.headers.cookie ?? '')) {
      return response.writeHead(302, { location: '/wall', 'set-cookie': 'seen=1; Path=/; Secure; HttpOnly' }).end()
    }
    path = '/'
  }
  if (path === '/') path = '/index.html'
  const file = join(folder, 'www', path)
  if (!statSync(file, { throwIfNoEntry: false })) return response.writeHead(404).end('missing\n')
  const accepted = (request.headers['accept-encoding'] ?? '').split(',').map(name => name.trim())
  const encoding = path.endsWith('.txt') && Object.keys(encoders).find(name => accepted.includes(name))
  response.setHeader('content-type', path.endsWith('.txt') ? 'text/plain' : 'application/octet-stream')
  const body = createReadStream(file)
  response.on('close', () => body.destroy()) // the client may have enough
  if (!encoding) return body.pipe(response)
  response.setHeader('content-encoding', encoding)
  body.pipe(encoders[encoding]()).pipe(response)
}

const read = name => readFileSync(join(folder, name))
const common = { allowHTTP1: true, cert: read('leaf.full'), key: read('leaf.key') }
function listen(port, options) {
  createSecureServer({ ...common, ...options }, respond).listen(port, address)
}
listen(tls12, { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' })
listen(tls13, { minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3' })
listen(mutual, { requestCert: true, rejectUnauthorized: true, ca: read('root.pem') })
process.on('SIGTERM', () => process.exit())
