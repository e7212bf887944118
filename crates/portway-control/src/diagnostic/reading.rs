//! PW00xx: text, documents, bounds of the reader.

use super::{Code, Entry};

/// A file that is no text; found by whoever reads files.
pub const NOT_TEXT: Code = Code(90);

/// A file below a directory that cannot be read; found by whoever reads files.
pub const NOT_READ: Code = Code(91);

/// The codes of this chapter, in order.
pub(super) const ALL: &[Entry] = &[
    Entry {
        code: Code(1),
        title: "a document is not YAML",
        page: "The text cannot be read from this place on; mostly an indentation, a missing \
               space after `:`, or an unquoted `{`, `[`, `*`, `&` or `%`. Nothing of this \
               document is used, not even what stands before; the documents after the next \
               `---` are.",
    },
    Entry {
        code: Code(2),
        title: "a field is there twice",
        page: "Two fields of one map have the same name. Parsers do not agree which one counts, \
               so the object is left out, as an API server with strict validation refuses it.",
    },
    Entry {
        code: Code(3),
        title: "the name of a field is no text",
        page: "YAML allows lists and maps as names of fields; Kubernetes does not. Mostly a `{` \
               was meant as text (`{{ .Values.name }}`: a template that was not rendered). \
               Nothing of the document is used.",
    },
    Entry {
        code: Code(4),
        title: "a tag is not known",
        page: "Tags such as `!Ref` belong to other programs. Of YAML's own `!!str`, `!!int`, \
               `!!float`, `!!bool` and `!!null` are read. Nothing of the document is used.",
    },
    Entry {
        code: Code(5),
        title: "a document is no object",
        page: "Each document is a map with `apiVersion`, `kind` and `metadata`, or a `List` of \
               such. A document that is a list or a word does nothing.",
    },
    Entry {
        code: Code(6),
        title: "an object does not say what it is",
        page: "Every object has an `apiVersion`, as `gateway.networking.k8s.io/v1`, and a \
               `kind`, as `Gateway`, both as text.",
    },
    Entry {
        code: Code(7),
        title: "an object is there twice",
        page: "Two objects have the same kind, namespace and name. In a cluster the later one \
               would replace the earlier; in files it is mostly a copy that was not renamed, so \
               the first counts and the second is left out. The finding names both places. \
               Without `metadata.namespace` the namespace is `default`. A file that is given \
               twice, by itself and with its directory say, is a note: its objects count once.",
    },
    Entry {
        code: Code(8),
        title: "a kind does not have this version",
        page: "Read are GatewayClass, Gateway and ReferenceGrant of `v1` and `v1beta1`, \
               TCPRoute of `v1` and `v1alpha2`, Namespace, Service and EndpointSlice of `v1`. \
               The object is left out.",
    },
    Entry {
        code: Code(9),
        title: "a kind or group looks misspelt",
        page: "Kinds that Portway does not know are skipped without a finding, because files \
               for Kubernetes hold many. This one is nearly a kind that it does know.",
    },
    Entry {
        code: Code(10),
        title: "values are nested too deep",
        page: "No kind needs more than about 20 levels. The bound keeps hostile input from \
               using up the stack. Nothing of the document is used.",
    },
    Entry {
        code: Code(11),
        title: "the input holds too much",
        page: "Bytes, documents and values are bounded for all input of one reading, so that a \
               few lines of aliases cannot grow to gigabytes. Nothing from this place on is \
               used.",
    },
    Entry {
        code: Code(12),
        title: "not all problems are shown",
        page: "The number of findings is bounded. Objects with findings that are not shown are \
               left out like the others.",
    },
    Entry {
        code: Code(13),
        title: "a kind is not read, another is",
        page: "Kubernetes and Gateway API have replaced this kind: Endpoints by EndpointSlice, \
               XListenerSet by ListenerSet (which is not supported yet). The object is skipped. A \
               cluster makes EndpointSlices of Endpoints itself; `portway run` does not.",
    },
    Entry {
        code: NOT_TEXT,
        title: "a file is not UTF-8 text",
        page: "Manifests are UTF-8. The place is that of the first byte which is not; nothing \
               in the file is used. Save it as UTF-8, or leave it out: below a directory only \
               `*.yaml`, `*.yml` and `*.json` are read.",
    },
    Entry {
        code: NOT_READ,
        title: "a file below a directory cannot be read",
        page: "Mostly a symlink that leads nowhere, or a file that this user may not read. The \
               other files of the directory are used; with `--strict`, `run` does not start. \
               While it runs, such a file keeps what it held. A path that is itself given by \
               `-f` must be readable: otherwise nothing starts.",
    },
];
