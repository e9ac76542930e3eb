/**
 * Lets this machine reach one port of a namespace over loopback, so a cluster adds no interface and no route
 * here. Its parent listens in its own namespace and hands over the listening socket, which stays in the
 * namespace in which it was made. Arguments: host and port to connect to, in the namespace of this process.
 */
import { connect, type Server } from 'node:net';

const [host, port] = process.argv.slice(2);

process.on('message', (_message: unknown, server: Server) => {
  server.on('connection', (near) => {
    const far = connect({ host: host ?? '127.0.0.1', port: Number(port), noDelay: true });
    near.setNoDelay(true);
    near.pipe(far).pipe(near);
    near.on('error', () => far.destroy());
    far.on('error', () => near.destroy());
    near.on('close', () => far.destroy());
    far.on('close', () => near.destroy());
  });
});
process.once('disconnect', () => process.exit(0));
