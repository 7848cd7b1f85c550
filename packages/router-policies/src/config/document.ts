import { PolicyError, type Position, quoted, suggestion } from "../errors.ts";
import { type FlowControlSection, readFlowControl } from "./flow-control.ts";
import {
  booleanOf,
  durationUsOf,
  fieldsOf,
  itemsOf,
  type Located,
  numberOf,
  pluginRefOf,
  type Ref,
  refOf,
  refuse,
  stringOf,
} from "./located.ts";

/** A listed plugin before its type and parameters are checked. */
export interface ListedPlugin {
  readonly name: string;
  readonly named: boolean;
  readonly type: string;
  readonly typeAt: Position;
  readonly parameters: Located | undefined;
  readonly at: Position;
}

export interface ListedProfile {
  readonly name: string;
  readonly at: Position;
  readonly plugins: readonly { readonly ref: Ref; readonly weight: number }[];
}

/** The sections of an EndpointPickerConfig as they stand in the file, shapes checked. */
export interface ConfigDocument {
  readonly at: Position;
  readonly apiVersion: string;
  readonly deprecatedGroup: boolean;
  readonly featureGates: readonly Ref[];
  readonly plugins: readonly ListedPlugin[];
  readonly profiles: readonly ListedProfile[];
  readonly parsers: readonly Ref[];
  readonly propagatePriority: boolean;
  readonly dataLayer: DataLayerSection;
  readonly flowControl: FlowControlSection;
  readonly saturationDetector: Ref | undefined;
}

export interface DataLayerSection {
  readonly injectDefaults: boolean;
  readonly sources: readonly { readonly ref: Ref; readonly extractors: readonly Ref[] }[];
  readonly endpointDiscovery: Ref | undefined;
  readonly peerDiscovery: Ref | undefined;
  readonly syncer: Ref | undefined;
  readonly syncIntervalUs: number | undefined;
  readonly publishTimeoutUs: number | undefined;
}

const V1 = "llm-d.ai/v1";
const DEPRECATED_GROUP = "inference.networking.x-k8s.io/v1alpha1";
const API_VERSIONS = ["llm-d.ai/v1alpha1", V1, DEPRECATED_GROUP];
const KIND = "EndpointPickerConfig";
const FIELDS = [
  ...["apiVersion", "kind", "featureGates", "plugins", "schedulingProfiles"],
  ...["requestHandler", "dataLayer", "flowControl"],
];
/** Top-level fields that `llm-d.ai/v1` no longer has. */
const V1ALPHA1_FIELDS = ["saturationDetector", "parser"];

/** Reads the sections; knows nothing of plugin types. */
export function readDocument(root: Located): ConfigDocument {
  const apiVersion = readApiVersion(root);
  const isV1 = apiVersion === V1;
  const fields = fieldsOf(root, KIND, isV1 ? FIELDS : [...FIELDS, ...V1ALPHA1_FIELDS]);
  const handler = fieldsOf(fields.get("requestHandler"), "requestHandler", ["parsers", "propagatePriority"]);
  const parsers = itemsOf(handler.get("parsers"), "requestHandler.parsers").map(
    (item) => pluginRefOf(item, "requestHandler.parsers") ?? refuse(item, "requestHandler.parsers", "a pluginRef"),
  );
  const oldParser = pluginRefOf(fields.get("parser"), "parser");
  const flowControl = readFlowControl(fields.get("flowControl"));
  return {
    at: root.at,
    apiVersion,
    deprecatedGroup: apiVersion === DEPRECATED_GROUP,
    featureGates: itemsOf(fields.get("featureGates"), "featureGates").map(
      (item) => refOf(item, "featureGates") ?? refuse(item, "featureGates", "a gate"),
    ),
    plugins: itemsOf(fields.get("plugins"), "plugins").map(readPlugin),
    profiles: itemsOf(fields.get("schedulingProfiles"), "schedulingProfiles").map(readProfile),
    parsers: parsers.length === 0 && oldParser !== undefined ? [oldParser] : parsers,
    propagatePriority: booleanOf(handler.get("propagatePriority"), "propagatePriority") ?? false,
    dataLayer: readDataLayer(fields.get("dataLayer"), isV1),
    flowControl,
    saturationDetector:
      flowControl.saturationDetector ?? pluginRefOf(fields.get("saturationDetector"), "saturationDetector"),
  };
}

function readApiVersion(root: Located): string {
  if (root.kind !== "map") refuse(root, "the configuration", `a mapping with apiVersion and kind ${KIND}`);
  const field = (name: string): Located =>
    root.entries.find(({ key }) => key === name)?.value ??
    refuse(root, "the configuration", `a field "${name}" (${name === "kind" ? KIND : API_VERSIONS.join(", ")})`);
  const versionNode = field("apiVersion");
  const apiVersion = stringOf(versionNode, "apiVersion") ?? "";
  if (!API_VERSIONS.includes(apiVersion)) {
    const message = `unknown apiVersion ${quoted(apiVersion)}${suggestion(apiVersion, API_VERSIONS)}`;
    throw new PolicyError(message, versionNode.at);
  }
  const kindNode = field("kind");
  const kind = stringOf(kindNode, "kind") ?? "";
  if (kind !== KIND) throw new PolicyError(`unknown kind ${quoted(kind)}${suggestion(kind, [KIND])}`, kindNode.at);
  return apiVersion;
}

function readPlugin(node: Located): ListedPlugin {
  const fields = fieldsOf(node, "a plugin", ["name", "type", "parameters"]);
  const type = refOf(fields.get("type"), "type of a plugin") ?? refuse(node, "a plugin", "a type");
  const name = refOf(fields.get("name"), "name of a plugin")?.name;
  const parameters = fields.get("parameters");
  if (parameters !== undefined && parameters.kind !== "map") {
    refuse(parameters, `parameters of ${quoted(name ?? type.name)}`, "a mapping");
  }
  return {
    name: name ?? type.name,
    named: name !== undefined,
    type: type.name,
    typeAt: type.at,
    parameters,
    at: node.at,
  };
}

function readProfile(node: Located): ListedProfile {
  const fields = fieldsOf(node, "a scheduling profile", ["name", "plugins"]);
  const name = refOf(fields.get("name"), "name of a scheduling profile");
  if (name === undefined) refuse(node, "a scheduling profile", "a name");
  const what = `profile ${quoted(name.name)}`;
  const plugins = itemsOf(fields.get("plugins"), `plugins of ${what}`).map((item) => {
    const given = fieldsOf(item, `plugins of ${what}`, ["pluginRef", "weight"]);
    const ref = refOf(given.get("pluginRef"), `pluginRef in ${what}`);
    if (ref === undefined) refuse(item, `plugins of ${what}`, "a pluginRef");
    return { ref, weight: numberOf(given.get("weight"), `weight in ${what}`) ?? 1 };
  });
  return { name: name.name, at: name.at, plugins };
}

/** `llm-d.ai/v1` groups what v1alpha1 has as separate fields. */
function readDataLayer(node: Located | undefined, isV1: boolean): DataLayerSection {
  const own = isV1
    ? ["discovery", "crossReplica"]
    : [
        ...["discovery", "peerDiscovery", "crossReplicaSyncerPluginRef"],
        ...["crossReplicaSyncInterval", "crossReplicaPublishTimeout"],
      ];
  const fields = fieldsOf(node, "dataLayer", ["injectDefaults", "sources", ...own]);
  const discovery = isV1 ? fieldsOf(fields.get("discovery"), "discovery", ["endpoints", "peers"]) : undefined;
  const sync = fieldsOf(fields.get("crossReplica"), "crossReplica", [
    "syncerPluginRef",
    "syncInterval",
    "publishTimeout",
  ]);
  return {
    injectDefaults: booleanOf(fields.get("injectDefaults"), "injectDefaults") ?? true,
    sources: itemsOf(fields.get("sources"), "dataLayer.sources").map(readSource),
    endpointDiscovery: pluginRefOf(discovery ? discovery.get("endpoints") : fields.get("discovery"), "discovery"),
    peerDiscovery: pluginRefOf(discovery ? discovery.get("peers") : fields.get("peerDiscovery"), "peerDiscovery"),
    syncer: refOf(sync.get("syncerPluginRef") ?? fields.get("crossReplicaSyncerPluginRef"), "syncerPluginRef"),
    syncIntervalUs: durationUsOf(sync.get("syncInterval") ?? fields.get("crossReplicaSyncInterval"), "syncInterval"),
    publishTimeoutUs: durationUsOf(
      sync.get("publishTimeout") ?? fields.get("crossReplicaPublishTimeout"),
      "publishTimeout",
    ),
  };
}

function readSource(node: Located): DataLayerSection["sources"][number] {
  const fields = fieldsOf(node, "dataLayer.sources", ["pluginRef", "extractors"]);
  const ref = refOf(fields.get("pluginRef"), "pluginRef of dataLayer.sources");
  if (ref === undefined) refuse(node, "dataLayer.sources", "a pluginRef");
  const extractors = itemsOf(fields.get("extractors"), "extractors").map(
    (item) => pluginRefOf(item, "extractors") ?? refuse(item, "extractors", "a pluginRef"),
  );
  return { ref, extractors };
}
