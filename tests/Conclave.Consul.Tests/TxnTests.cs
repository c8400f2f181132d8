using System.Text;
using System.Text.Json;
using Conclave.Storage;

namespace Conclave.Consul.Tests;

/// <summary>What is sent for a transaction, what is read from an answer, and where keys are.</summary>
public sealed class TxnTests
{
    private const string Session = "c9be4f5c-a5f3-c71c-ed62-ac3d1a791bda";

    private static readonly ConsulKeys Keys = new("ns");

    [Theory]
    [InlineData("plain")]
    [InlineData("quotes \" and \\ and /")]
    [InlineData("<é€\uE000\U0001F600\U0010FFFF>")]
    public void Any_key_and_value_survives_the_way_there_and_back(string key)
    {
        var body = new TxnBody();
        body.Set(Keys.Of(key), new byte[] { 0, 255, 62, 63 }, ulong.MaxValue);
        body.Lock(Keys.Of(key), default, 7, Session);
        using var json = JsonDocument.Parse(body.Finish());

        var set = json.RootElement[0].GetProperty("KV");
        Assert.Equal("ns/" + key + "\u0001", set.GetProperty("Key").GetString());
        Assert.Equal([0, 255, 62, 63], set.GetProperty("Value").GetBytesFromBase64());
        Assert.Equal(ulong.MaxValue, set.GetProperty("Flags").GetUInt64());
        Assert.Equal(Session, json.RootElement[1].GetProperty("KV").GetProperty("Session").GetString());

        string answer = $$$"""{"Results":[{"KV":{"LockIndex":1,"Key":{{{JsonSerializer.Serialize(Keys.Of(key))}}},"Flags":1,"Value":"AP8+Pw==","Session":"{{{Session}}}","CreateIndex":3,"ModifyIndex":4}}],"Errors":null,"Index":0}""";
        var item = Assert.Single(TxnAnswer.Parse(Encoding.UTF8.GetBytes(answer), "x").Items);
        Assert.Equal((key, Session, 3L, 4L), (Keys.Name(item.Key), item.Session, item.CreateIndex, item.ModifyIndex));
        Assert.Equal([0, 255, 62, 63], item.Value);
    }

    [Fact]
    public void Errors_are_read_and_rubbish_is_refused()
    {
        var answer = TxnAnswer.Parse("""{"Results":null,"Errors":[{"OpIndex":2,"What":"invalid session \"x\""}],"New":{"a":[1]}}"""u8, "x");
        Assert.Equal([new TxnError(2, "invalid session \"x\"")], answer.Errors);
        Assert.Throws<StoreFormatException>(() => TxnAnswer.Parse("<html>"u8, "x"));
        Assert.Throws<StoreFormatException>(() => TxnAnswer.Parse("""{"Results":[{"KV":{"Key":1}}]}"""u8, "x"));
    }

    [Fact]
    public void A_join_is_one_transaction_of_five_operations()
    {
        var plan = Build(new([Condition.Absent("a"), Condition.Unchanged("g", 7)], [Write.Put("a", default, new SessionId(Session))], [Read.Scan("q/"), Read.Get("q/1"), Read.Get("e")]));
        Assert.Equal(
            ["check-not-exists ns/a.", "check-index ns/g. 7", "lock ns/a.", "set ns/.conclave/revision", "get-tree ns/e.", "get-tree ns/q/"], Verbs(plan));
        Assert.Equal(2, plan.MarkerAt);
        Assert.True(plan.Writes);
    }

    [Fact]
    public void A_put_of_an_existing_key_proves_its_session_once()
    {
        var session = new SessionId(Session);
        var plan = Build(new([Condition.Unchanged("a", 7), Condition.Unchanged("b", 8)], [Write.Put("a", default, session), Write.Put("b", default, session), Write.Delete("c")]));
        Assert.Equal(
            ["check-index ns/a. 7", "check-index ns/b. 8", "set ns/a.", $"lock ns/.conclave/alive/{Session}", "set ns/b.", "delete ns/c.", "set ns/.conclave/revision"], Verbs(plan));
    }

    [Fact]
    public void Only_what_a_transaction_cannot_decide_is_read_first()
    {
        var session = new SessionId(Session);
        Assert.Empty(TxnPlan.KeysToLookAt(new([Condition.Absent("a")], [Write.Put("a", default, session), Write.Put("b", default), Write.Delete("c")])));
        Assert.Equal(["a"], TxnPlan.KeysToLookAt(new(writes: [Write.Put("a", default, session), Write.Delete("c")])));
        Assert.Equal(["c"], TxnPlan.KeysToLookAt(new(writes: [Write.Delete("c")])));
        Assert.Empty(TxnPlan.KeysToLookAt(new([Condition.Unchanged("c", 1)], [Write.Delete("c"), Write.Delete("d")])));
    }

    [Fact]
    public void What_was_read_is_guarded()
    {
        var session = new SessionId(Session);
        var look = new Look(5, new Dictionary<string, long> { ["there"] = 9 });
        var put = Build(new(writes: [Write.Put("there", default, session), Write.Put("new", default, session)]), look);
        Assert.Equal(["check-not-exists ns/new.", "cas ns/there. 9", "lock ns/new.", "set ns/.conclave/revision"], Verbs(put));
        Assert.True(put.IsGuard(0));

        var delete = Build(new(writes: [Write.Delete("there"), Write.Delete("gone")]), look);
        Assert.Equal(["check-index ns/there. 9", "delete ns/there.", "delete ns/gone.", "set ns/.conclave/revision"], Verbs(delete));

        var nothing = Build(new(writes: [Write.Delete("gone")], reads: [Read.Scan("")]), look);
        Assert.Equal(["check-not-exists ns/gone.", "get ns/.conclave/revision", "get-tree ns/"], Verbs(nothing));
        Assert.False(nothing.Writes);
    }

    [Fact]
    public void Fifty_six_unknown_keys_with_sessions_fit()
    {
        var session = new SessionId(Session);
        var writes = Enumerable.Range(0, 56).Select(i => Write.Put($"k{i}", default, session)).ToArray();
        var verbs = Verbs(Build(new(writes: writes), new(5, new Dictionary<string, long>())));
        Assert.Equal("check-index ns/.conclave/revision 5", verbs[0]);
        Assert.Equal(58, verbs.Length);
    }

    [Theory]
    [InlineData("a/b", "ns/a/b")]
    [InlineData("", "ns/")]
    [InlineData("a b%2Fc?&é€", "ns/a%20b%252Fc%3F%26%C3%A9")]
    [InlineData("a//b", "ns/a/")]
    [InlineData("/a", "ns/")]
    [InlineData("a/../b", "ns/a/")]
    [InlineData("a/.", "ns/a/")]
    [InlineData("a/.b/..c", "ns/a/.b/..c")]
    [InlineData("a/.\uE000", "ns/a/")]
    [InlineData("a\u0378", "ns/a")]
    [InlineData("a\U00010000b", "ns/a")]
    public void A_prefix_that_no_path_can_hold_is_watched_by_a_shorter_one(string prefix, string path) => Assert.Equal(path, Keys.WatchPath(prefix));

    [Theory]
    [InlineData("ns/a")]
    [InlineData("ns/\u0001conclave/revision")]
    [InlineData("other/a\u0001")]
    [InlineData("ns/\u0001")]
    public void What_is_no_entry_is_not_seen(string key) => Assert.Null(Keys.Name(key));

    private static TxnPlan Build(Transaction transaction, Look? look = null) => TxnPlan.Build(transaction, Keys, look);

    private static string[] Verbs(TxnPlan plan)
    {
        using var json = JsonDocument.Parse(plan.Body);
        return [.. json.RootElement.EnumerateArray().Select(o => o.GetProperty("KV")).Select(kv =>
            $"{kv.GetProperty("Verb")} {kv.GetProperty("Key")}{(kv.TryGetProperty("Index", out var index) ? $" {index}" : "")}".Replace('\u0001', '.'))];
    }
}
