//! Tokens keep what was put into them.

use super::{Key, Token};

#[test]
fn a_token_comes_back_as_it_went() {
    let (index, generation) = ((1 << 30) - 1, u32::MAX);
    for key in [
        Key { index, generation },
        Key {
            index: 7,
            generation: 0,
        },
    ] {
        for token in [
            Token::Listener(key),
            Token::Client(key),
            Token::Backend(key),
        ] {
            assert_eq!(Token::from_bits(token.to_bits()), token);
        }
    }
    assert_eq!(Token::from_bits(Token::Wake.to_bits()), Token::Wake);
}
