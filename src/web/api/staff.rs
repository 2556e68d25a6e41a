//! The staff, for programs of the company.

use super::json::{List, StaffJson};
use super::program;
use crate::domain::staff::{self, Role};
use crate::web::ctx::Ctx;
use crate::web::input::Query;
use crate::web::reply::{self, Reply};

/// Lists everybody on the staff, in the order in which they were added, on one page.
#[utoipa::path(
    get, path = "/api/v1/staff", tag = "Staff", operation_id = "listStaff",
    responses((status = 200, description = "Everybody.", body = List<StaffJson>)),
    security(("api_key" = ["technician"])),
)]
pub async fn list(ctx: Ctx, Query(fields): Query) -> Reply {
    program(&ctx, Role::Technician).await?;
    fields.finish()?;
    let staff = ctx.app.db.read(staff::list).await?;
    reply::ok(&List::whole(staff, StaffJson::from))
}
