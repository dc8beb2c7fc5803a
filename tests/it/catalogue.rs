//! Tracks and scenarios, which admins keep, over GraphQL.

use serde_json::{Value, json};

use crate::on_both;
use crate::support::haven::Haven;

const TRACKS: &str = "{ musicTracks { id name url } }";
const SCENARIOS: &str = "{ alarmScenarios { id name isDefault } }";
const NEW_TRACK: &str =
    "mutation($input: MusicTrackInput!) { createMusicTrack(input: $input) { id name url } }";
const CHANGE_TRACK: &str = "mutation($id: ID!, $input: MusicTrackPatch!) { updateMusicTrack(id: $id, input: $input) { name url } }";
const DROP_TRACK: &str = "mutation($id: ID!) { deleteMusicTrack(id: $id) }";
const NEW_SCENARIO: &str =
    "mutation($input: AlarmScenarioInput!) { createAlarmScenario(input: $input) { id isDefault } }";
const CHANGE_SCENARIO: &str = "mutation($id: ID!, $input: AlarmScenarioPatch!) {
    updateAlarmScenario(id: $id, input: $input) { name playMusic notifyContact notifyTherapist isDefault }
}";
const DROP_SCENARIO: &str = "mutation($id: ID!) { deleteAlarmScenario(id: $id) }";

fn scenario(name: &str, is_default: bool) -> Value {
    json!({"input": {"name": name, "playMusic": true, "notifyContact": false, "notifyTherapist": false,
        "isDefault": is_default}})
}

fn defaults(data: &Value) -> Vec<&str> {
    data["alarmScenarios"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|scenario| scenario["isDefault"] == true)
        .map(|scenario| scenario["name"].as_str().unwrap())
        .collect()
}

on_both! {
    async fn a_new_installation_has_tracks_and_scenarios_one_of_them_the_default(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let tracks = haven.data(&anna, TRACKS, json!({})).await;
        assert_eq!(tracks["musicTracks"][0], json!({"id": "1", "name": "Спокойный океан",
            "url": "https://example.com/music/ocean.mp3"}));
        let scenarios = haven.data(&anna, SCENARIOS, json!({})).await;
        assert_eq!(defaults(&scenarios), ["Стандартный сценарий"]);
        assert_eq!(haven.code(None, TRACKS, json!({})).await, "UNAUTHENTICATED");
        assert_eq!(haven.code(None, SCENARIOS, json!({})).await, "UNAUTHENTICATED");
    }

    async fn what_admins_deleted_does_not_come_back_with_a_restart(database) {
        let haven = Haven::start(database).await;
        let admin = haven.admin("boss").await;
        haven.data(&admin, DROP_TRACK, json!({"id": "1"})).await;
        haven.data(&admin, DROP_TRACK, json!({"id": "2"})).await;
        let haven = haven.restart().await;
        assert_eq!(haven.data(&admin, TRACKS, json!({})).await["musicTracks"], json!([]));
    }

    async fn an_admin_adds_changes_and_deletes_tracks(database) {
        let haven = Haven::start(database).await;
        let admin = haven.admin("boss").await;
        let input = json!({"input": {"name": "Дождь", "url": "https://example.com/rain.mp3"}});
        let track = haven.data(&admin, NEW_TRACK, input).await["createMusicTrack"].clone();
        let change = json!({"id": track["id"], "input": {"name": "Ливень"}});
        let changed = haven.data(&admin, CHANGE_TRACK, change).await;
        assert_eq!(changed["updateMusicTrack"], json!({"name": "Ливень", "url": "https://example.com/rain.mp3"}));
        haven.data(&admin, DROP_TRACK, json!({"id": track["id"]})).await;
        assert_eq!(haven.code(Some(&admin), DROP_TRACK, json!({"id": track["id"]})).await, "NOT_FOUND");
        for url in ["", "ocean.mp3", "ftp://example.com/a", "javascript:alert(1)"] {
            let input = json!({"input": {"name": "x", "url": url}});
            assert_eq!(haven.code(Some(&admin), NEW_TRACK, input).await, "BAD_USER_INPUT");
        }
    }

    async fn deleting_a_track_or_a_scenario_clears_the_links_to_it_and_nothing_else(database) {
        let haven = Haven::start(database).await;
        let admin = haven.admin("boss").await;
        let anna = haven.person("anna").await;
        let choose = "mutation { updateProfile(userId: \"me\", input: {musicId: \"2\", age: 33}) { age } }";
        haven.data(&anna, choose, json!({})).await;
        haven.data(&admin, DROP_TRACK, json!({"id": "2"})).await;
        haven.data(&admin, DROP_SCENARIO, json!({"id": "1"})).await;
        let profile = "{ me { profile { age music { id } scenario { id } } } }";
        let data = haven.data(&anna, profile, json!({})).await;
        assert_eq!(data["me"]["profile"], json!({"age": 33, "music": null, "scenario": null}));
    }

    async fn a_new_default_takes_the_place_of_the_old_one(database) {
        let haven = Haven::start(database).await;
        let admin = haven.admin("boss").await;
        let made = haven.data(&admin, NEW_SCENARIO, scenario("Новый", true)).await;
        assert_eq!(made["createAlarmScenario"]["isDefault"], true);
        assert_eq!(defaults(&haven.data(&admin, SCENARIOS, json!({})).await), ["Новый"]);
        let back = json!({"id": "1", "input": {"isDefault": true}});
        let changed = haven.data(&admin, CHANGE_SCENARIO, back).await;
        assert_eq!(changed["updateAlarmScenario"], json!({"name": "Стандартный сценарий", "playMusic": true,
            "notifyContact": true, "notifyTherapist": true, "isDefault": true}));
        assert_eq!(defaults(&haven.data(&admin, SCENARIOS, json!({})).await), ["Стандартный сценарий"]);
    }

    async fn only_admins_keep_the_catalogue(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let track = json!({"input": {"name": "x", "url": "https://example.com/x"}});
        for (mutation, variables) in [
            (NEW_TRACK, track),
            (CHANGE_TRACK, json!({"id": "1", "input": {"name": "x"}})),
            (DROP_TRACK, json!({"id": "1"})),
            (NEW_SCENARIO, scenario("x", false)),
            (CHANGE_SCENARIO, json!({"id": "1", "input": {"name": "x"}})),
            (DROP_SCENARIO, json!({"id": "1"})),
        ] {
            assert_eq!(haven.code(Some(&anna), mutation, variables.clone()).await, "FORBIDDEN");
            assert_eq!(haven.code(None, mutation, variables).await, "UNAUTHENTICATED");
        }
    }
}
