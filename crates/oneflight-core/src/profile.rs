//! What differs between authorization servers, as data, in what the machine does. What differs in their answers is with the
//! endpoint: [`AnswerRules`](crate::answer::AnswerRules).

/// How one authorization server behaves. The default fits an unknown one: strict rotation is assumed, and one retry
/// after an ambiguous loss.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Profile {
    /// After an answer was lost, present the same refresh token again at once, one time. Where a replay kills the
    /// whole family and there is no grace window, `false` keeps the access token alive to its end first.
    pub retry_after_loss: bool,
    /// Revoking one refresh token also ends grants of other sign-ins of the same user and client, so a late
    /// token is not revoked while another session lives.
    pub revocation_reaches_beyond_family: bool,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            retry_after_loss: true,
            revocation_reaches_beyond_family: false,
        }
    }
}
