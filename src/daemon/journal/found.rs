//! What the journal's catalog says of each finding. Its meaning and its remedy are the finding's own.

use super::event::Entry;
use crate::model::finding::Kind;

/// The table: the finding, its `MESSAGE_ID`, what the daemon does about it.
macro_rules! findings {
    ($($kind:ident, $id:literal, $did:literal;)+) => {
        /// Every finding.
        pub(super) const ALL: &[Kind] = &[$(Kind::$kind),+];

        /// Its entry in the catalog.
        pub(super) fn entry(kind: Kind) -> Entry {
            let (id, subject, did) = match kind {
                $(Kind::$kind => (
                    $id,
                    concat!("Pair @DUALMASTER_PAIR@: ", stringify!($kind)),
                    $did,
                ),)+
            };
            Entry { id, subject, happened: kind.meaning(), did, may: kind.remedy() }
        }
    };
}

findings! {
    WriterHung, "a511bce8372f4c40b6722c8f28b642ad",
        "It makes sure that the reader is able, fences the writer and lets the reader take over.";
    WriterRefuses, "37b04ced5de34d32b42d0292aff28894",
        "Where this lasts, it fences the writer and lets the reader take over.";
    WriterBusy, "e3db86ba4e114e1cabb2b523fa876dbf",
        "It waits ten times as long as for a server that stands still.";
    WritesBlocked, "3a69b1187ab649e395757740ceaff159",
        "It waits: this is no fault of the server.";
    ReaderIll, "5b288a32728e4117a7098dcf1cf5d338",
        "It lets the writer go on alone, on record; the reader cannot take over until it has caught up.";
    HostStalled, "802751939a63441babdba9b1ed120026",
        "It judges nobody by what it missed meanwhile.";
    LinkConnecting, "1d5aa1ce4d9e4e6ebbf7c5418260c2a1",
        "It waits: the server tries again by itself.";
    LinkMissing, "09cdeb3ea04d48369652c387b26ead75",
        "It configures the link, unless that would throw received transactions away.";
    LinkHeld, "01dcc131f89b4c7485e4c750b1092717",
        "It leaves the thread stopped until the hold ends.";
    LinkQuarantined, "48db9d8d782d4521a78c27fe9fd95bbe",
        "It keeps the member's link stopped and throws nothing away.";
    ReaderLagging, "c09e9226996b4408a6c9305feb1f8c55",
        "It leads the reader's endpoint to the writer until the reader has caught up.";
    ReaderHasOwnRows, "00d523d6ef8140278418c7bfa6e9af14",
        "It bars the reader from taking over by itself.";
    NotInSync, "8dc0caf493874edb8024eb2ea2e639fc",
        "It lets the reader catch up and prove that it has everything.";
    SecondSemiSyncClient, "30434f5e510743cd8e5d60058c7cf225",
        "It no longer calls the reader complete.";
    UnsafeSettings, "980ee738a5804e148329bce4f144f50b",
        "It sets what can be set at run time, and no longer calls the reader complete.";
    StrayOnWriter, "b69a84b7e2e7454e9ca61bd4b1a55fed",
        "It does not apply them at the writer.";
    WriterClosedByHand, "f01f927287654322b6c0b528afa387d6",
        "It opens the writer again, unless the pair is paused.";
    StoreIsOld, "7e51e460324b4afa842555683d564a94",
        "It takes the servers' word, and calls nobody complete.";
    StoreFails, "bbd30b8ab589438293c7dce304962da9",
        "It opens nobody, and lets nobody go on alone, until the file can be written.";
    EndpointWrong, "80749ed6e31c4a39b7eb7510f08f8406",
        "It leads the endpoint to where it must lead.";
    EndpointAnswersWrong, "8f9156148e334fdc825dd3d0e2fc5ab5",
        "It looks on: what is in the way is not the daemon's own.";
    BinlogsKept, "252b850c2e5642708ce8db1a41a5b3f9",
        "It keeps them, so that the peer can still follow.";
    DiskNearlyFull, "7cd01138bac24b749eea4e024d07904a",
        "It looks on.";
    DatadirForeign, "b0f2b24468214ef29d68f92977541ed1",
        "It left everything as it is, and does not start the server.";
    DatadirOtherVersion, "df760d30874e417399e16fbdee13f830",
        "It left everything as it is, and does not start the server.";
    SocketGone, "642f0f11f8284407956f2a744b8cd29f",
        "It talks to the server through its port.";
    AccountsPassReadOnly, "8bea1faf5d5d477a908037b2cef187c5",
        "It ends their sessions at each change of role, and calls what they write a finding.";
    BinaryUnusable, "aaeb9d66a9494042b5c96ee141336f7d",
        "It does not start the server, and looks again.";
    PortTaken, "cac14d9b3a844be1b966d3dbef54fc83",
        "It does not start the server, and looks again.";
    ConfigEdited, "be36901c22c0455f864182c0a2f7e7e0",
        "It left the file as it is.";
    RestartPending, "b8b9ae7c1d9d49308c3fe448191c016a",
        "It set what can be set at run time.";
    ServerDoesNotStart, "5d0fe45739c649b28e3fb19bf3ef10ac",
        "It tries again after 1, 5, 30 and then every 60 seconds.";
    ServerStarting, "5e0f2c7f9d1b4c1e8a53b7d0c6429a18",
        "It waits: a recovery lasts as long as it lasts, and is never cut short.";
    LoginRefused, "340e5dc0e28f42698ba298a02d7ddc60",
        "It tries to make its accounts again.";
    ActionFailed, "38eca215f5994b1092441cc247e742ac",
        "It tries again after growing pauses.";
    Holding, "b41c1ac955894445910c66c0d88fb029",
        "It changes no role.";
    Paused, "0e669efc2b6d4d9ab1885c428a2e8ba8",
        "It looks on and repairs.";
    Flapping, "ea629878b0cf41fd8fdbd8123e4f8db6",
        "It makes no further move by itself; a writer that dies is started again in place.";
    TailRemoved, "05b2952809654ba3a75baeed320bde84",
        "It saved them beside the datadir before it cut them off.";
    HookFailed, "78c4337751e84d67aae6e6d3d4599974",
        "A gating hook's failure refuses the move; another's changes nothing.";
    PreparedXa, "196ae929b8e848f89ddb9ebefa25fb6f",
        "It leaves them alone.";
    ConfigRefused, "f7d9d1c3627946239fa17331b86b410c",
        "It keeps the configuration that was in force before.";
    DiskFull, "eb60bb7dc4de4c3195adaff7da7596ea",
        "It deletes nothing, and does not start a server without space.";
    // These four are events of their own.
    LinkBroken, "3eeacaee74e842beb5f93a63173d79ad",
        "It starts the thread again after growing pauses. It skips nothing.";
    WriterProcessExited, "303c5866467840ffaac463d532173ecc",
        "It lets the reader take over where that is safe, else it starts the writer again.";
    ReaderProcessExited, "303c5866467840ffaac463d532173ecc",
        "It starts the reader again.";
    BothWritable, "001bb8ea9de54ac2919c43f4f8d38f8b",
        "It closes the one that is not the register's writer.";
}
