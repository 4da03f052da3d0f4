import { Socket } from 'node:net';
import { Kafka, logLevel } from 'kafkajs';

/**
 * patches/kafkajs+2.2.4.patch, src/network/connection.js. As published, the attempt never ends: the end of the connection
 * stops the timer of the attempt. Every later request to this broker then waits without an end, also a heartbeat.
 */
test('an attempt to connect fails if the connection ends before it is made', async () => {
  const socketFactory = () => {
    const socket = new Socket();
    setImmediate(() => socket.emit('end'));
    return socket;
  };
  const kafka = new Kafka({
    brokers: ['broker:9092'],
    socketFactory,
    retry: { retries: 0 },
    logLevel: logLevel.NOTHING,
  });
  await expect(kafka.admin().connect()).rejects.toThrow('Connection closed');
});
