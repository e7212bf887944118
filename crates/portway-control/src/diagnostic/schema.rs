//! PW01xx: schema bounds and CEL rules.

use super::{Code, Entry};

/// The codes of this chapter, in order.
pub(super) const ALL: &[Entry] = &[
    Entry {
        code: Code(101),
        title: "a required field is missing",
        page: "The API requires this field; an API server refuses the object without it. Fields \
               with a default may be left out, and a field whose value is null counts as \
               absent.",
    },
    Entry {
        code: Code(102),
        title: "a field is not known",
        page: "The API has no field of this name here: it is misspelt, or indented too far or \
               too little, or from another version. `kubectl apply` refuses it too. Portway \
               leaves the object out rather than guess what was meant.",
    },
    Entry {
        code: Code(103),
        title: "a value has the wrong type",
        page: "Text, whole numbers, booleans, lists and maps are not taken for each other. As \
               kubectl reads YAML, `yes`, `no`, `on` and `off` without quotes are booleans and \
               `8080` is a number: where text is wanted they are quoted.",
    },
    Entry {
        code: Code(104),
        title: "a value is not one of those there are",
        page: "The field takes one of a few words, and their case counts.",
    },
    Entry {
        code: Code(105),
        title: "text does not look as it must",
        page: "Names, hostnames, addresses and times have a form. The finding shows it as the \
               regular expression of the API or by its name.",
    },
    Entry {
        code: Code(106),
        title: "a number is out of bounds",
        page: "The API bounds this number: ports are 1 to 65535, weights 0 to 1000000.",
    },
    Entry {
        code: Code(107),
        title: "text is too long or too short",
        page: "The API bounds the characters of this text; most names have 1 to 253, sections \
               of hostnames and label values 63.",
    },
    Entry {
        code: Code(108),
        title: "a list or map has too many or too few items",
        page: "The API bounds how many there are: 1 to 64 listeners of a Gateway, 1 rule of a \
               TCPRoute (`v1alpha2`: 16) with 1 to 16 backendRefs, 32 parentRefs.",
    },
    Entry {
        code: Code(110),
        title: "an item is in a list twice",
        page: "The items of this list are told apart by some of their fields or by their value, \
               and two are the same: listeners by their name, for example.",
    },
    Entry {
        code: Code(112),
        title: "the standard channel refuses something",
        page: "Gateway API has two channels. Portway reads what the experimental channel of \
               v1.7.0 takes; a cluster whose CRDs are of the standard channel refuses this object. \
               It is said for `--target cluster` only.",
    },
    Entry {
        code: Code(113),
        title: "the standard channel does not serve a version",
        page: "A cluster whose CRDs are of the standard channel does not know this version of the \
               kind; those of the experimental channel still serve it, deprecated. Only the \
               `apiVersion` must be changed. It is said for `--target cluster` only.",
    },
];
