/** A part of the consumer of kafkajs, which it ships without types. */
declare module 'kafkajs/src/consumer/filterAbortedMessages.js' {
  /** The messages that no aborted transaction has written. */
  export default function filterAbortedMessages<Message>(options: {
    readonly messages: Message[];
    readonly abortedTransactions: { readonly firstOffset: string; readonly producerId: string }[];
  }): Message[];
}
