//! What a ticket is good for, when it comes back.
//!
//! Owns the order of the checks: genuine, in time, from the same origin, still permitted, not used. Never says more of
//! a ticket than its bearer may know.

use chrono::DateTime;
use chrono::Utc;
use footbridge_shared::fault::Fault;
use footbridge_shared::fault::FaultCode;

use crate::meters;
use crate::principal::Principal;
use crate::tickets::Grant;
use crate::tickets::Tickets;
use crate::tickets::ids;
use crate::tickets::pending::Issuer;
use crate::tickets::pending::NotOnce;
use crate::tickets::seal;
use crate::tickets::seal::Bound;
use crate::tickets::seal::Contents;
use crate::tickets::seal::Load;

/// A ticket as it came with a request to open a socket.
#[derive(Clone, Copy, Debug)]
pub struct Presented<'a> {
    /// The session id of the URL's path.
    pub session_id: &'a str,
    /// `server_params`, decoded; `None` when it is the ticket itself.
    pub visible: Option<&'a str>,
    /// The ticket.
    pub ticket: &'a str,
    /// The page's origin; empty for a caller that is not a page.
    pub origin: &'a str,
}

impl Tickets {
    /// Redeems the ticket of a socket's URL, once. `judge` says whether what it grants is still permitted; a ticket
    /// that is refused for any reason is not used up.
    ///
    /// # Errors
    /// [`FaultCode::TicketInvalid`], without saying more than the caller may know; what `judge` says.
    pub fn redeem<T>(
        &self,
        presented: &Presented<'_>,
        now: DateTime<Utc>,
        judge: impl FnOnce(&Grant) -> Result<T, Fault>,
    ) -> Result<(Grant, T), Fault> {
        let contents = self
            .open(presented)
            .ok_or_else(|| invalid("The ticket is not valid for this URL."))?;
        let now = now.timestamp_millis();
        if contents.expires < now {
            meters::reached("ticket_life");
            return Err(invalid("The ticket has expired."));
        }
        if contents.origin != presented.origin {
            return Err(invalid("The ticket was issued to another origin."));
        }
        let (unique, expires) = (contents.unique(), contents.expires);
        let issuer = if contents.issuer == self.issuer {
            Issuer::Here
        } else {
            Issuer::Elsewhere
        };
        let grant = self.grant(contents, issuer, presented.visible)?;
        let judgement = judge(&grant)?;
        self.pending
            .consume(unique, issuer, expires, now)
            .map_err(|refusal| match refusal {
                NotOnce::Used => used(),
                NotOnce::Full => {
                    meters::reached("used_tickets");
                    Fault::new(
                        FaultCode::TooManyRequests,
                        "Too many sessions are being opened.",
                    )
                    .hint("Try again in a minute.")
                }
            })?;
        Ok((grant, judgement))
    }

    /// What a ticket holds; `None` when no bridge with one of our keys issued it for this URL.
    fn open(&self, presented: &Presented<'_>) -> Option<Contents> {
        let ring = self.ring();
        // A forged id is dropped before anything is decrypted for it.
        if !ids::is_genuine(&ring, &self.deployment, presented.session_id) {
            return None;
        }
        let bound = Bound {
            deployment: &self.deployment,
            session_id: presented.session_id,
            visible: presented.visible,
        };
        seal::open(&ring, presented.ticket, bound)
    }

    fn grant(
        &self,
        contents: Contents,
        issuer: Issuer,
        visible: Option<&str>,
    ) -> Result<Grant, Fault> {
        let revision = contents.revision.clone();
        let (params, profile) = match (&contents.load, issuer) {
            (Load::Kept, Issuer::Elsewhere) => {
                return Err(invalid(
                    "What this ticket opens was too long for a URL, and the bridge that issued it no longer runs or \
                     is another.",
                ));
            }
            (Load::Kept, Issuer::Here) => {
                let kept = self.pending.kept(contents.unique()).ok_or_else(used)?;
                (kept.params.clone(), kept.profile.clone())
            }
            (Load::Secrets(..) | Load::Params(..), Issuer::Here | Issuer::Elsewhere) => {
                contents.load.unload(visible).ok_or_else(|| {
                    Fault::new(FaultCode::Internal, "The ticket's params cannot be read.")
                })?
            }
        };
        Ok(Grant {
            principal: Principal::from_name(&contents.principal),
            origin: contents.origin,
            params,
            profile,
            revision,
        })
    }
}

fn invalid(message: &str) -> Fault {
    Fault::new(FaultCode::TicketInvalid, message)
        .hint("Ask for a new one with POST connect; each opens one session, once, soon.")
}

fn used() -> Fault {
    invalid("The ticket has been used.")
}
