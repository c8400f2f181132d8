using System.Text;
using Conclave.Alternatives;
using Conclave.Ownership;

namespace Conclave.Tests.Owners;

/// <summary>The bytes of a record are the original's, both ways.</summary>
public sealed class OwnerRecordTests
{
    private const string Owner = "req-1#V1StGXR8_Z5jdHi6B-myT";

    private static readonly DateTimeOffset Expires = DateTimeOffset.FromUnixTimeMilliseconds(1_700_000_000_250);

    // origins.md, B.2
    private static readonly byte[] Owned = Convert.FromHexString("0a1b7265712d312356315374475852385f5a356a64486936422d6d7954120b0880e2cfaa061080e59a771a0163");
    private static readonly byte[] Released = Convert.FromHexString("0a1b7265712d312356315374475852385f5a356a64486936422d6d795412001a0163");

    [Fact]
    public void An_owned_record_has_the_bytes_of_the_original()
    {
        Assert.Equal(45, Owned.Length);
        Assert.Equal(Owned, new OwnerRecord(Owner, Expires, "c").ToBytes());
        Assert.Equal(Owned, new OriginalRecord(Owner, Expires, "c").Write());
        Assert.Equal(new OwnerRecord(Owner, Expires, "c"), OwnerRecord.TryParse(Owned));
        Assert.Equal(new OriginalRecord(Owner, Expires, "c"), OriginalRecord.Read(Owned));
    }

    [Fact]
    public void A_released_record_has_an_empty_time()
    {
        Assert.Equal(34, Released.Length);
        Assert.Equal(Released, new OwnerRecord(Owner, null, "c").ToBytes());
        Assert.Equal(Released, new OriginalRecord(Owner, null, "c").Write());
        Assert.True(OwnerRecord.TryParse(Released)!.IsReleased);
    }

    [Theory]
    [InlineData("0a0161")]                       // no time at all
    [InlineData("0a01611200")]                   // an empty one
    [InlineData("0a0161120208001a00")]           // the Unix epoch, written out
    [InlineData("")]
    public void A_time_that_is_missing_empty_or_the_epoch_means_released(string hex) =>
        Assert.True(OwnerRecord.TryParse(Convert.FromHexString(hex))!.IsReleased);

    [Theory]
    [InlineData("0a016112020801")]                              // one second after the epoch: long ago, but not released
    [InlineData("0a0161120a08ffffffffffffffff7f")]              // no calendar has it
    [InlineData("0a0161120d08ffffffffffffffffff011001")]        // before the epoch
    [InlineData("0a016112020801220178")]                        // a field that comes later
    public void Every_other_time_means_owned_however_strange_it_is(string hex) =>
        Assert.False(OwnerRecord.TryParse(Convert.FromHexString(hex))!.IsReleased);

    [Theory]
    [InlineData("ff")]
    [InlineData("0a05")]
    [InlineData("ffffff")]
    public void What_is_no_record_is_told_from_one(string hex) => Assert.Null(OwnerRecord.TryParse(Convert.FromHexString(hex)));

    [Fact]
    public void Ours_reads_as_the_original_reads_it_and_says_how_long_it_is_good()
    {
        var record = OwnerRecord.Of(Owner, Expires, TimeSpan.FromMilliseconds(400));
        var read = OriginalRecord.Read(record.ToBytes());

        Assert.Equal(Owner, read.Owner);
        Assert.Equal(Expires + TimeSpan.FromMilliseconds(400), read.Expires);
        Assert.StartsWith($"{Owner}@2023-11-14T22:13:20.25", read.Comment, StringComparison.Ordinal);
        Assert.Equal(TimeSpan.FromMilliseconds(400), OwnerRecord.TryParse(record.ToBytes())!.Lasts);
    }

    [Theory]
    [InlineData("req-1#V1St@2026-11-21 17:00:00.25 +0000 UTC m=+0.01")]
    [InlineData("")]
    [InlineData("x +ms")]
    [InlineData("x +-5ms")]
    [InlineData("x +1ms")]
    [InlineData("x +99999999999ms")]
    public void How_long_it_is_good_is_unknown_where_it_is_not_told_or_cannot_be(string comment) =>
        Assert.Null(new OwnerRecord(Owner, Expires, comment).Lasts);

    [Fact]
    public void Slugs_are_those_of_the_original()
    {
        var slugs = Enumerable.Range(0, 2000).Select(_ => Slug.New()).ToArray();

        Assert.All(slugs, s => Assert.Equal(21, s.Length));
        Assert.Equal(slugs.Length, slugs.Distinct().Count());
        Assert.Equal(64, slugs.SelectMany(s => s).Distinct().Count());
        Assert.All(slugs, s => Assert.True(s.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-'), s));
        Assert.Equal("V1StGXR8_Z5jdHi6B-myT", Slug.Of("a#b#V1StGXR8_Z5jdHi6B-myT").ToString());
    }

    [Fact]
    public void Random_records_have_the_same_bytes_in_both_encodings()
    {
        var random = new Random(1);
        for (int i = 0; i < 500; i++)
        {
            string owner = Text(random), comment = Text(random);
            DateTimeOffset? expires = random.Next(5) == 0 ? null : DateTimeOffset.UnixEpoch.AddTicks(random.NextInt64(1, TimeSpan.TicksPerDay * 40_000));

            Assert.Equal(new OriginalRecord(owner, expires, comment).Write(), new OwnerRecord(owner, expires, comment).ToBytes());
            Assert.Equal(new OwnerRecord(owner, expires, comment), OwnerRecord.TryParse(new OriginalRecord(owner, expires, comment).Write()));
        }
    }

    private static string Text(Random random) =>
        Encoding.UTF8.GetString([.. Enumerable.Range(0, random.Next(300)).Select(_ => (byte)random.Next(32, 127))]) + (random.Next(2) == 0 ? "" : "ö𝄞");
}
