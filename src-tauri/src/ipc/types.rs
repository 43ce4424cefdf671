//! The types of this folder as TypeScript, so that the page is checked against them.

use std::path::Path;

use sightline_protocol::account::ReportLine;
use sightline_protocol::admin::{
    AccountFilter, AccountPage, AccountRow, AuditLine, AuditPage, CallBreak, CallDetails, CallFilter, CallPage,
    CallQuality, CallSession, CallSort, CallStay, Coverage, Figures, Group, PathType, Percentiles, Totals,
};
use sightline_protocol::logs::{LogSession, LogSetup};
use ts_rs::{Config, TS};

use super::*;

const HEADER: &str =
    "// Generated from src-tauri/src/ipc by `UPDATE_TYPES=1 cargo test -p sightline types`. Do not edit.\n";

/// What `ui/generated/ipc.d.ts` has to hold.
fn declarations() -> String {
    // Numbers of JavaScript are exact to 2^53: milliseconds since 1970 and ids of rows stay far below.
    let config = Config::new().with_large_int("number");
    let mut text = String::from(HEADER);
    macro_rules! declare {
        ($($name:ty),* $(,)?) => { $(
            text.push('\n');
            for line in <$name>::docs().unwrap_or_default().lines() {
                text.push_str(line);
                text.push('\n');
            }
            text.push_str("export ");
            text.push_str(&<$name>::decl(&config));
            text.push('\n');
        )* };
    }
    declare!(
        ErrorCode,
        IpcError,
        Theme,
        Language,
        Settings,
        Sharing,
        SharedField,
        Boot,
        RunningCall,
        FramesAddress,
        Hosting,
        Invitation,
        RoomPlan,
        DeviceKind,
        Device,
        WaitingLink,
        LobbyDevice,
        LobbyState,
        MicrophoneLevel,
        NetworkCheck,
        CallPhase,
        CallState,
        RoomShown,
        Person,
        HostAct,
        Me,
        Connection,
        QualityClass,
        Tile,
        TileStats,
        LimitLine,
        Ended,
        SpeakingLevels,
        ChatLine,
        HistoryFilter,
        CallLine,
        HeadlineLine,
        CallDetail,
        SessionLine,
        BreakLine,
        StayLine,
        EventLine,
        SummaryLine,
        FindingLine,
        HistoryTable,
        TableColumn,
        Cell,
        ChartHead,
        ChartSeries,
        ChartHover,
        ChartReading,
        WrittenFile,
        ExportFormat,
        PeopleState,
        Contact,
        MissedCall,
        IncomingCall,
        OutgoingCall,
        MeetPhase,
        MeetState,
        EnteredCall,
        Said,
        AdminKey,
        AdminSession,
        AdminRoom,
        AdminMember,
        AdminPerson,
        AdminCharts,
        CallSort,
        CallQuality,
        CallFilter,
        CallPage,
        sightline_protocol::admin::CallLine,
        CallDetails,
        CallStay,
        CallSession,
        LogSession,
        LogSetup,
        CallBreak,
        Coverage,
        PathType,
        Totals,
        Group,
        Figures,
        Percentiles,
        AuditPage,
        AuditLine,
        ReportLine,
        AccountFilter,
        AccountPage,
        AccountRow,
    );
    text
}

#[test]
fn the_pages_types_are_those_of_the_app() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ui/generated/ipc.d.ts");
    let wanted = declarations();
    if std::env::var_os("UPDATE_TYPES").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &wanted).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == wanted, "{} differs; run: UPDATE_TYPES=1 cargo test -p sightline types", path.display());
}
