using Conclave.Storage;

namespace Conclave.Tests.Storage;

public sealed class TransactionTests
{
    public static TheoryData<string, string> WrongKeys => new()
    {
        { "", "empty" },
        { "a\nb", "control characters" },
        { "a\u0085b", "control characters" },
        { "a\ud800b", "unpaired surrogate" },
        { "a\udc00", "unpaired surrogate" },
        { "\ud83d\ude00\ud83d", "unpaired surrogate" },
        { new string('a', 1025), "1024" },
        { new string('é', 513), "1024" },
    };

    [Theory]
    [MemberData(nameof(WrongKeys))]
    public void A_key_that_no_engine_can_take_is_refused(string key, string because)
    {
        foreach (var build in (Action[])[
            () => _ = new Transaction([Condition.Absent(key)]),
            () => _ = new Transaction(writes: [Write.Put(key, default)]),
            () => _ = new Transaction(writes: [Write.Delete(key)]),
            () => _ = new Transaction(reads: [Read.Get(key)])])
        {
            Assert.Contains(because, Assert.ThrowsAny<ArgumentException>(build).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void The_limits_are_exact()
    {
        _ = new Transaction(reads: [Read.Get(new string('a', 1024)), Read.Get(new string('é', 512)), Read.Get("\U0001F600")]);
        var reads = Enumerable.Repeat(Read.Get("a"), StoreLimits.MaxOperations).ToArray();
        _ = new Transaction(reads: reads);
        Assert.Contains("57", Assert.Throws<ArgumentException>(() => new Transaction([Condition.Absent("a")], reads: reads)).Message, StringComparison.Ordinal);
        _ = new Transaction(writes: [Write.Put("a", new byte[StoreLimits.MaxTransactionBytes - 1])]);
        Assert.Throws<ArgumentException>(() => new Transaction(writes: [Write.Put("a", new byte[StoreLimits.MaxTransactionBytes])]));
        Assert.Contains("twice", Assert.Throws<ArgumentException>(() => new Transaction(writes: [Write.Put("a", default), Write.Delete("a")])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Conditions_and_scans_check_their_numbers()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => Condition.Unchanged("a", 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => Read.Scan("a", limit: 0));
    }

    [Theory]
    [InlineData("a", "a")]
    [InlineData("a/b", "a%2Fb")]
    [InlineData("a%2Fb", "a%252Fb")]
    [InlineData("orders 42", "orders 42")]
    public void Names_are_escaped_and_come_back(string name, string segment)
    {
        Assert.Equal(segment, StoreNames.Escape(name));
        Assert.Equal(name, StoreNames.Unescape(segment));
    }

    [Fact]
    public void A_name_is_1_to_256_bytes_of_well_formed_text()
    {
        Assert.Equal(768, StoreNames.Escape(new string('/', 256)).Length);
        foreach (string wrong in (string[])["", new('a', 257), new('é', 129), new('a', 10_000), "a\0b", "\ud800"])
        {
            Assert.Throws<ArgumentException>(() => StoreNames.Escape(wrong));
        }
    }
}
