//! The company's logo: a picture that is sent, looked at, used or taken away.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::page::{self, News};
use super::preview;
use crate::domain::logos::Logo;
use crate::domain::settings::{self, Change, Outcome, Section, Seen};
use crate::error::{Error, FieldError};
use crate::web::admin::desk::{AdminDesk, go};
use crate::web::admin::form::Filled;
use crate::web::admin::upload::Upload;
use crate::web::problem::Problem;
use crate::web::reply::Reply;

const NAME: &str = "brand.logo";

/// `POST /admin/settings/logo`.
pub(super) async fn send(desk: AdminDesk, upload: Upload) -> Reply {
    let step = upload.text("step");
    let logo = match step {
        "remove" => None,
        _ => match Logo::read("logo", upload.bytes("logo")) {
            Ok(logo) => Some(logo),
            Err(error) => return refused(&desk, error),
        },
    };
    if let ("portal", Some(logo)) = (step, &logo) {
        let mut site = desk.site_of(desk.settings());
        let image = STANDARD.encode(&logo.image);
        site.logo = format!("data:{};base64,{image}", logo.kind.as_str());
        return preview::portal(&desk, &site, desk.settings());
    }
    match keep(&desk, Seen::parse(upload.text("seen")), logo).await {
        Ok(Outcome::Done) => go("/admin/settings?saved=true"),
        Ok(Outcome::ChangedMeanwhile) => {
            let message = "Somebody changed the logo a moment ago: it is shown here. Please choose \
                yours once more if it is to take its place.";
            refused(&desk, FieldError::new("logo", crate::error::FieldCode::Taken, message))
        }
        Err(Error::Invalid(mut errors)) => match errors.pop() {
            Some(error) => refused(&desk, error),
            None => Err(Problem::malformed_form()),
        },
        Err(error) => Err(error.into()),
    }
}

async fn keep(desk: &AdminDesk, seen: Seen, logo: Option<Logo>) -> Result<Outcome, Error> {
    let value = logo.as_ref().map(|logo| logo.hash.clone()).unwrap_or_default();
    let change = [Change { name: NAME, value }];
    let (keeper, actor, now) = (desk.app.settings.clone(), desk.actor(), desk.now);
    let work = desk.app.db.write(move |tx| {
        let what = (Section::Logo, &seen);
        settings::save(tx, &keeper, &actor, what, (&change, logo.as_ref()), now)
    });
    let outcome = work.await;
    desk.app.settings_changed();
    outcome
}

fn refused(desk: &AdminDesk, error: FieldError) -> Reply {
    let form: Filled = page::as_it_is(desk.settings(), Section::Brand).but(vec![error]);
    page::answer(desk, Section::Brand, &form, News::None)
}
