"""A party's page, and money: what is asked, agreed and received, on which fees."""
