//! What is wanted instead of what was written, in plain words.
//!
//! In: a [`Schema`] or its bounds. Out: a few words, and a way out. Never: the regular expression of
//! a pattern that is known, which a test holds of all facts.

use super::facts::{Schema, Type};
use crate::diagnostic::found::shown;

/// A pattern of the API, what it means, and a text that fits.
struct Form {
    pattern: &'static str,
    words: &'static str,
    example: &'static str,
}

/// The patterns that the facts have.
const FORMS: &[Form] = &[
    Form {
        pattern: r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
        words: "lower case letters, digits and `-` are wanted, `-` not at the ends",
        example: "db-1",
    },
    Form {
        pattern: r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$",
        words: "lower case letters, digits and `-` are wanted, `-` not at the ends",
        example: "db-1",
    },
    Form {
        pattern: r"^[a-z]([-a-z0-9]*[a-z0-9])?$",
        words: "a lower case letter is wanted, then such letters, digits and `-`, not at the end",
        example: "db-1",
    },
    Form {
        pattern: r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
        words: "lower case letters, digits, `-` and `.` are wanted, a letter or digit at the ends",
        example: "db-1.example.com",
    },
    Form {
        pattern: r"^$|^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
        words: "a group is lower case letters, digits, `-` and `.`; that of Services is empty",
        example: "gateway.networking.k8s.io",
    },
    Form {
        pattern: r"^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
        words: "a hostname is lower case letters, digits, `-` and `.`; it may start with `*.`",
        example: "*.example.com",
    },
    Form {
        pattern: r"^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$",
        words: "a kind is letters and digits and starts with a letter",
        example: "TCPRoute",
    },
    Form {
        pattern: r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$",
        words: "letters, digits, `-`, `_` and `.` are wanted, a letter or digit at the ends",
        example: "eu_west.1",
    },
    Form {
        pattern: concat!(
            r"^[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?$|[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9",
            r"]([-a-z0-9]*[a-z0-9])?)*\/[A-Za-z0-9]+$",
        ),
        words: "a protocol is letters, digits and `-`; a domain and `/` may stand before it",
        example: "TCP",
    },
    Form {
        pattern: concat!(
            r"^Hostname|IPAddress|NamedAddress|[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0",
            r"-9]*[a-z0-9])?)*\/[A-Za-z0-9\/\-._~%!$&'()*+,;=:]+$",
        ),
        words: "`IPAddress`, `Hostname`, or a domain, `/` and a name are wanted",
        example: "IPAddress",
    },
    Form {
        pattern: concat!(
            r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\/[A-Za-z0-9\/\-",
            r"._~%!$&'()*+,;=:]+$",
        ),
        words: "a domain, `/` and a name are wanted",
        example: "portway.dev/gateway-controller",
    },
    Form {
        pattern: concat!(
            r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?([A-Za-z0-9]",
            r"[-A-Za-z0-9_.]*)?[A-Za-z0-9]$",
        ),
        words: "letters, digits, `-`, `_` and `.` are wanted; a domain and `/` may stand before",
        example: "kubernetes.io/h2c",
    },
    Form {
        pattern: concat!(
            r"^(System|([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/([A-Za",
            r"-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]))$",
        ),
        words: "`System`, or a domain, `/` and a name are wanted",
        example: "System",
    },
    Form {
        pattern: r"^(([^:/?#]+):)(//([^/?#]*))([^?#]*)(\?([^#]*))?(#(.*))?",
        words: "a URI with scheme and host is wanted",
        example: "spiffe://example.com/db",
    },
    Form {
        pattern: r"^(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|[%][0-9a-fA-F]{2})+$",
        words: "the path of a URL is wanted, other characters as `%` and two digits",
        example: "/check",
    },
    Form {
        pattern: r"^(100|[0-9]{1,2})%$",
        words: "a whole number or a percentage is wanted, `100%` at most",
        example: "50%",
    },
];

/// What text of a pattern looks like, and an example.
pub(super) fn form(pattern: &str) -> (String, Option<String>) {
    match FORMS.iter().find(|form| form.pattern == pattern) {
        Some(form) => {
            let example = format!("write it as in `{}`", form.example);
            (form.words.to_owned(), Some(example))
        }
        None => (format!("must match {pattern}"), None),
    }
}

/// How to write something of a type.
pub(super) const fn of_type(schema: &Schema) -> &'static str {
    match schema.ty {
        _ if schema.int_or_string => "write a whole number or a name",
        None => "see what the API wants here",
        Some(Type::Object) => "put its fields below it, each on a line, indented: `name: value`",
        Some(Type::Array) => "put `- ` before each item",
        Some(Type::String) => "write text",
        Some(Type::Integer) => "write a whole number, without quotes",
        Some(Type::Number) => "write a number, without quotes",
        Some(Type::Boolean) => "write `true` or `false`, without quotes",
    }
}

/// How to bring `n` between two bounds, as a label and a way out.
pub(super) fn within(n: usize, min: Option<usize>, max: Option<usize>) -> Option<Bound> {
    match (min, max) {
        (Some(min), _) if n < min => Some(Bound::Short(min)),
        (_, Some(max)) if n > max => Some(Bound::Long(max)),
        _ => None,
    }
}

/// A bound that was broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bound {
    /// At least so many.
    Short(usize),
    /// At most so many.
    Long(usize),
}

impl Bound {
    /// A few words under the marked text.
    pub(super) fn label(self) -> String {
        match self {
            Self::Short(min) => format!("at least {min} must be there"),
            Self::Long(max) => format!("at most {max} are allowed"),
        }
    }

    /// What to do about so many characters.
    pub(super) fn help_with_text(self, n: usize) -> String {
        match self {
            Self::Short(_) if n == 0 => {
                "write something, or remove the field where it is not required".to_owned()
            }
            Self::Short(min) => format!("write {} more", min - n),
            Self::Long(max) => format!("shorten it by {}", n - max),
        }
    }

    /// What to do about so many items or fields.
    pub(super) fn help_with_items(self, n: usize) -> String {
        match self {
            Self::Short(min) if min - n == 1 => "add one".to_owned(),
            Self::Short(min) => format!("add {} more", min - n),
            Self::Long(max) => format!("remove {}, or put them into another object", n - max),
        }
    }
}

/// What to add where a field is missing.
pub(super) fn missing(name: &str, schema: Option<&Schema>) -> String {
    let name = shown(name);
    match schema.and_then(|schema| schema.ty) {
        Some(Type::Object) => format!("add `{name}`, a map"),
        Some(Type::Array) => format!("add `{name}`, a list"),
        Some(Type::Integer | Type::Number) => format!("add `{name}`, a number"),
        Some(Type::String) => format!("add `{name}`, text"),
        Some(Type::Boolean) => format!("add `{name}`, `true` or `false`"),
        None => format!("add `{name}`"),
    }
}

#[cfg(test)]
mod tests;
