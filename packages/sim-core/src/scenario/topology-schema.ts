import * as z from "zod";
import { bytesSchema, durationUsSchema } from "../kernel/unit-schemas.ts";
import { DEFAULT_NODE_DEVICES, DEFAULT_NUMA_DOMAINS } from "../network/topology.ts";

const bandwidth = (description: string) => bytesSchema.optional().meta({ description: `${description}, e.g. "50GB"` });
const count = (what: string) =>
  z
    .int()
    .min(1)
    .default(1)
    .meta({ description: `Alike ${what}` });

const nodeSchema = z
  .strictObject({
    name: z
      .string()
      .min(1)
      .optional()
      .meta({ description: "Name of the node, or where there are several what NAME-0, NAME-1, … begin with" }),
    count: count("nodes"),
    accelerator: z.string().meta({ description: "Accelerator id of its devices, e.g. h100-sxm" }),
    devices: z.int().min(1).default(DEFAULT_NODE_DEVICES).meta({ description: "Accelerators of a node" }),
    numaDomains: z
      .int()
      .min(1)
      .default(DEFAULT_NUMA_DOMAINS)
      .meta({ description: "Memory controllers at which the devices stand evenly" }),
    numaBytesPerSecond: bandwidth("Between memory controllers; default: no limit"),
    nicBytesPerSecond: bandwidth("NIC of each device, each way; default: the accelerator's"),
    nvmeReadBytesPerSecond: bandwidth("Drives of a node together; default 7GB (assumed)"),
    nvmeWriteBytesPerSecond: bandwidth("Drives of a node together; default 5GB (assumed)"),
    storeBytesPerSecond: bandwidth("Between a node and the network store, each way; default 10GB (assumed)"),
  })
  .meta({ description: "Alike nodes" });

const rackSchema = z
  .strictObject({
    name: z
      .string()
      .min(1)
      .optional()
      .meta({ description: "Name of the rack, or where there are several what NAME-0, NAME-1, … begin with" }),
    count: count("racks"),
    uplinkBytesPerSecond: bandwidth("Out of the rack, each way; default: no limit"),
    nodes: z.array(nodeSchema).min(1).meta({ description: "Nodes of the rack" }),
  })
  .meta({ description: "Alike racks" });

const zoneSchema = z
  .strictObject({
    name: z.string().min(1).meta({ description: "Name of the zone: topology.kubernetes.io/zone of its endpoints" }),
    region: z.string().min(1).optional().meta({ description: "topology.kubernetes.io/region of its endpoints" }),
    uplinkBytesPerSecond: bandwidth("Out of the zone, each way; default: no limit"),
    racks: z.array(rackSchema).min(1).meta({ description: "Racks of the zone" }),
  })
  .meta({ description: "A zone" });

const latency = (byDefault: string, description: string) => durationUsSchema.prefault(byDefault).meta({ description });

/** Where the machines of a fleet stand, and what is between them. */
export const topologySchema = z
  .strictObject({
    zones: z.array(zoneSchema).min(1).meta({ description: "Zones with racks with nodes" }),
    latencies: z
      .strictObject({
        withinNode: latency("10us", "Between devices of a node or a domain (assumed)"),
        betweenNodes: latency("10us", "Between nodes of a rack (assumed)"),
        betweenRacks: latency("10us", "Between racks of a zone (assumed)"),
        betweenZones: latency("1ms", "Between zones (assumed)"),
      })
      .prefault({})
      .meta({ description: "From the first byte sent to the first received, by the widest level that is crossed" }),
  })
  .meta({
    description: "Where the nodes stand; default: each pool on nodes of 8 accelerators of its own, in one rack",
  });

const names = (description: string) => z.array(z.string()).min(1).optional().meta({ description });

/** Where the replicas of a pool go. */
export const placementSchema = z
  .strictObject({
    zone: z.string().optional().meta({ description: "Only nodes of this zone" }),
    rack: z.string().optional().meta({ description: "Only nodes of this rack" }),
    nodes: names("Only these nodes"),
    devices: z
      .array(z.array(z.string().regex(/\/\d+$/, 'expected NODE/INDEX, such as "rack-0-node-0/7"')).min(1))
      .min(1)
      .optional()
      .meta({ description: "Of each replica, its devices as NODE/INDEX; default: chosen, near each other" }),
  })
  .meta({ description: "Where the replicas go in spec.topology; default: the first nodes that have room" });
