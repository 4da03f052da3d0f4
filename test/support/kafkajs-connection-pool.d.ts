declare module 'kafkajs/src/network/connectionPool.js' {
  export default class ConnectionPool {
    send: (this: ConnectionPool, call: { readonly request: { readonly apiName: string } }) => Promise<object>;
  }
}
