//! What client and backend have agreed on: the first byte of a connection says what it is for.

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Every byte comes back, this one too.
    Echo,
    /// The backend throws away what comes.
    Sink,
    /// The backend sends as much as it can.
    Source,
    /// Both at once.
    Both,
    /// A verified transfer; a header follows.
    Transfer,
    /// The backend says how many transfers were good on its side and how many bad.
    Tally,
    /// The backend says which of its addresses was reached.
    Where,
}

impl Purpose {
    /// The first byte.
    pub(crate) const fn to_byte(self) -> u8 {
        match self {
            Self::Echo => b'E',
            Self::Sink => b'U',
            Self::Source => b'D',
            Self::Both => b'B',
            Self::Transfer => b'I',
            Self::Tally => b'T',
            Self::Where => b'W',
        }
    }

    /// What the first byte says.
    pub(crate) fn from_byte(byte: u8) -> Option<Self> {
        let all = [
            Self::Echo,
            Self::Sink,
            Self::Source,
            Self::Both,
            Self::Transfer,
            Self::Tally,
            Self::Where,
        ];
        all.into_iter().find(|it| it.to_byte() == byte)
    }

    /// Whether the backend sends without end.
    pub(crate) fn sends(self) -> bool {
        matches!(self, Self::Source | Self::Both)
    }
}

/// Which side closes its direction when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Both send at once; each says FIN as soon as it has sent all.
    AtOnce,
    /// The backend begins when the client's FIN has come.
    ClientFirst,
    /// The client begins when the backend's FIN has come.
    BackendFirst,
}

/// The plan of one verified transfer, as the client tells it to the backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) order: Order,
    pub(crate) seed: u64,
    pub(crate) up: u32,
    pub(crate) down: u32,
}

impl Header {
    /// Its bytes, the first byte of the connection among them.
    pub(crate) const BYTES: usize = 18;

    /// As it is sent.
    pub(crate) fn to_bytes(self) -> [u8; Self::BYTES] {
        let order = match self.order {
            Order::AtOnce => 0,
            Order::ClientFirst => 1,
            Order::BackendFirst => 2,
        };
        let mut bytes = [0; Self::BYTES];
        let parts = [Purpose::Transfer.to_byte(), order].into_iter();
        let parts = parts.chain(self.seed.to_le_bytes());
        let parts = parts.chain(self.up.to_le_bytes());
        let parts = parts.chain(self.down.to_le_bytes());
        for (byte, part) in bytes.iter_mut().zip(parts) {
            *byte = part;
        }
        bytes
    }

    /// What was sent; `None` if it cannot have been.
    pub(crate) fn from_bytes(bytes: &[u8; Self::BYTES]) -> Option<Self> {
        let (&[first, order], rest) = bytes.split_first_chunk::<2>()?;
        let (seed, rest) = rest.split_first_chunk::<8>()?;
        let (up, rest) = rest.split_first_chunk::<4>()?;
        let (down, _) = rest.split_first_chunk::<4>()?;
        let order = match order {
            0 => Order::AtOnce,
            1 => Order::ClientFirst,
            2 => Order::BackendFirst,
            _ => return None,
        };
        (first == Purpose::Transfer.to_byte()).then_some(Self {
            order,
            seed: u64::from_le_bytes(*seed),
            up: u32::from_le_bytes(*up),
            down: u32::from_le_bytes(*down),
        })
    }
}

#[cfg(test)]
mod tests;
