namespace Conclave.Tests.Sessions;

public sealed class SessionRecordTests
{
    [Fact]
    public void A_record_comes_back_as_it_was()
    {
        var record = new SessionRecord("host \"1\"", "app", 42, "läbel \U0001F600", new(2026, 11, 21, 8, 0, 0, 123, TimeSpan.FromHours(2)));

        Assert.Equal(record, SessionRecord.Parse(record.ToBytes()));
        Assert.Equal(new(null, null, null, null, null), SessionRecord.Parse(new SessionRecord(null, null, null, null, null).ToBytes()));
    }

    [Theory]
    [InlineData("", false)]
    [InlineData("[]", false)]
    [InlineData("{", false)]
    [InlineData("{\"host\":", false)]
    [InlineData("{\"host\":1,\"pid\":\"x\",\"since\":7,\"label\":null}", true)]
    [InlineData("{\"pid\":1e99,\"since\":\"yesterday\"}", true)]
    public void A_foreign_record_tells_nothing_and_is_no_error(string text, bool isObject)
    {
        var record = SessionRecord.Parse(Bytes.Of(text));

        Assert.Equal(isObject ? new SessionRecord(null, null, null, null, null) : null, record);
        Assert.Null(SessionRecord.Parse(new byte[] { (byte)'{', (byte)'"', 0xff, (byte)'"', (byte)':' }));
    }
}
