import { PartitionAssigners, type PartitionAssigner } from 'kafkajs';

/** Spreads the partitions evenly over the members, in the order of their ids. */
export const assignor: PartitionAssigner = PartitionAssigners.roundRobin;
