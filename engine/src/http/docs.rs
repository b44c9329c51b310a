//! The description of `/v1` as OpenAPI 3.1, and a page to read and try it, served from the binary.

use super::{card, eligibility, face, members};
use actix_web::web::ServiceConfig;
use utoipa::OpenApi;
use utoipa_swagger_ui::SwaggerUi;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Shikaku 資格",
        description = "オンライン資格確認 / online eligibility confirmation. Every caller presents a \
            client certificate (mTLS); it says which facility, insurer or operator is calling. \
            Errors are problem+json (RFC 9457) with a stable `code` and sentences in Japanese and \
            English. All data in a demonstration are synthetic.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    paths(
        eligibility::lookup,
        card::challenge,
        card::session,
        card::registration,
        card::card_eligibility,
        card::consents,
        card::withdrawal,
        face::photograph,
        face::frame,
        face::let_go,
        members::upload,
        members::rejects,
        super::checkpoint::checkpoint,
        super::shadow::status,
        super::shadow::begin,
        super::shadow::switch,
        super::shadow::abandon
    ),
    tags(
        (name = "facilities", description = "医療機関・薬局"),
        (name = "cards", description = "マイナンバーカード at the counter"),
        (name = "faces", description = "顔認証 for readers that compare no faces themselves, where it is configured"),
        (name = "insurers", description = "保険者"),
    )
)]
struct Description;

/// The description as JSON.
#[must_use]
pub fn openapi_json() -> String {
    Description::openapi().to_pretty_json().unwrap_or_default()
}

pub(super) fn routes(config: &mut ServiceConfig) {
    let page = SwaggerUi::new("/docs/{_:.*}").url("/docs/openapi.json", Description::openapi());
    config.service(page);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever changes `/v1` sees it in review. UPDATE=1 records the new description.
    #[test]
    fn the_committed_description_is_the_one_served() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
        let served = openapi_json() + "\n";
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(path, &served).unwrap();
        }
        assert!(std::fs::read_to_string(path).unwrap() == served, "run the tests with UPDATE=1");
        assert!(served.contains(r#""openapi": "3.1."#));
    }
}
