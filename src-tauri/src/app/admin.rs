//! What the commands of the admin mode do that needs the rest of the app.

use sightline_charts::Input;

use super::{App, blocking};
use crate::admin::Admin;
use crate::chart::Look;
use crate::ipc::{AdminCharts, AdminKey, AdminSession, Answer, ExportFormat, HistoryTable, WrittenFile};
use crate::words;

impl App {
    /// The admin mode.
    pub(crate) fn admin(&self) -> &Admin {
        &self.admin
    }

    /// Signs an admin in; an empty server is the one that is set.
    pub(crate) async fn admin_sign_in(&self, server: &str, key: AdminKey) -> Answer<AdminSession> {
        let server = server.trim();
        let server = if server.is_empty() { self.server().await? } else { server.to_owned() };
        self.admin.sign_in(server, key).await
    }

    /// Writes a call of the server's record into a file.
    pub(crate) async fn admin_export(
        &self,
        room: &str,
        code: &str,
        started_ms: i64,
        format: ExportFormat,
    ) -> Answer<WrittenFile> {
        let (stem, folder) = (words::file_stem(code, started_ms), self.folders.exports().to_owned());
        Ok(self.written.add(self.admin.export(room, stem, format, folder).await?))
    }

    /// Opens charts of what was reported of a call, in a place; gives their first frame.
    pub(crate) async fn admin_chart_open(
        &self,
        room: String,
        which: AdminCharts,
        place: u8,
        look: Look,
        input: Input,
    ) -> Answer<Vec<u8>> {
        let (admin, charts) = (self.admin.clone(), self.charts.clone());
        blocking(move || {
            let (record, stem) = admin.with_reports(&room, |reports| reports.record(which))?;
            charts.show(place, record, stem, look, &input)
        })
        .await
    }

    /// The numbers that somebody in a call reported.
    pub(crate) async fn admin_table(
        &self,
        room: String,
        person: u32,
        from_ms: i64,
        to_ms: i64,
    ) -> Answer<HistoryTable> {
        let admin = self.admin.clone();
        blocking(move || admin.with_reports(&room, |reports| reports.table(person, from_ms, to_ms))).await
    }
}
