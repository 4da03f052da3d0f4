/** A simulated Kafka cluster that real clients use over sockets in memory. */
export { SimulatedCluster, type AcceptedConnection, type LogEnds } from './cluster.js';
export type { SimulatedRecord } from './log/read-records.js';
export { MemorySocket, socketFactoryFor, type SocketFactory } from './memory-socket.js';
export type { SimulatedTime } from './time.js';
export { USUAL_DELAYS, type ClusterOptions, type Delays } from './world.js';
